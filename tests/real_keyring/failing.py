"""A keyring on the session bus that answers everything with an error."""

import dbus
import dbus.lowlevel
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()


def refuse(connection, message):
    if message.get_type() != dbus.lowlevel.MESSAGE_TYPE_METHOD_CALL:
        return dbus.lowlevel.HANDLER_RESULT_NOT_YET_HANDLED
    error = dbus.lowlevel.ErrorMessage(message, "org.freedesktop.DBus.Error.Failed", "the disk of the keyring is full")
    connection.send_message(error)
    return dbus.lowlevel.HANDLER_RESULT_HANDLED


bus.add_message_filter(refuse)
name = dbus.service.BusName("org.freedesktop.secrets", bus)
loop = GLib.MainLoop()
bus.call_on_disconnection(lambda _: loop.quit())
loop.run()
