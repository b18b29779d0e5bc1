"""Google's client of Secret Manager through everything that the fake has of it, over REST and over gRPC."""

import base64

import google_crc32c

from official import TRANSPORTS, attempt, bearer

ADMIN = "user:admin@example.com"
READER = "serviceAccount:reader@acme.iam.gserviceaccount.com"
BYTES = bytes(range(256))


def steps(fake):
    value = fake.asked["value"]
    fake.control("project", id="acme", number="123456789")
    fake.control("bind", resource="projects/acme", role="roles/secretmanager.admin", member=ADMIN)
    admin, reader = (bearer(fake.control("token", member=member)) for member in (ADMIN, READER))
    done = []
    for transport in TRANSPORTS:
        done += _steps(fake, transport, value, fake.client(admin, transport), fake.client(reader, transport))
    return done + _regional(fake, admin, value)


def _regional(fake, admin, value):
    """Google has a host for each location, and what is in a location is there alone."""
    fake.control("secret", project="acme", secret="regional", location="europe-west3", value=f"{value}-there")
    fake.control("secret", project="acme", secret="regional", value=f"{value}-everywhere")
    there, everywhere = "projects/acme/locations/europe-west3/secrets/regional", "projects/acme/secrets/regional"
    hosts = {"its host": "secretmanager.europe-west3.rep.googleapis.com"}
    hosts |= {"another location's host": "secretmanager.europe-west1.rep.googleapis.com"}
    hosts |= {"the host of all": "secretmanager.googleapis.com"}
    done = []
    for where, host in hosts.items():
        client = fake.client(admin, "google", host)
        for what, name in (("in a location", there), ("in none", everywhere)):
            read = attempt(lambda: _text(client, f"{name}/versions/latest"))
            done.append({"step": f"read {what} at {where}", "transport": "google"} | read)
    return done


def _steps(fake, transport, value, admin, reader):
    done = []

    def step(name, call):
        done.append({"step": name, "transport": transport} | attempt(call))
        return done[-1]

    secret = f"projects/acme/secrets/cargo-{transport}"
    made = {"parent": "projects/acme", "secret_id": f"cargo-{transport}"}
    replication = {"replication": {"automatic": {}}, "labels": {"team": "build"}}
    step("create", lambda: admin.create_secret(request=made | {"secret": replication}).name)
    step("create again", lambda: admin.create_secret(request=made | {"secret": replication}).name)
    step("read without versions", lambda: _text(admin, f"{secret}/versions/latest"))
    step("add", lambda: _version(admin.add_secret_version(parent=secret, payload={"data": value.encode()})))
    checked = {"data": BYTES, "data_crc32c": google_crc32c.value(BYTES)}
    step("add with a checksum", lambda: _version(admin.add_secret_version(parent=secret, payload=checked)))
    wrong = checked | {"data_crc32c": checked["data_crc32c"] ^ 1}
    step("add with a wrong checksum", lambda: _version(admin.add_secret_version(parent=secret, payload=wrong)))
    big = {"data": b"x" * 65537}
    step("add too much", lambda: _version(admin.add_secret_version(parent=secret, payload=big)))

    step("read version 1", lambda: _text(admin, f"{secret}/versions/1"))
    step("read latest", lambda: _bytes(admin, f"{secret}/versions/latest"))
    step("read by number", lambda: _text(admin, f"projects/123456789/secrets/cargo-{transport}/versions/1"))
    step("read what there is not", lambda: _text(admin, f"{secret}/versions/3"))
    step("read where there is none", lambda: _text(admin, f"projects/acme/secrets/none-{transport}/versions/latest"))
    step("read another project's", lambda: _text(admin, "projects/others/secrets/cargo/versions/latest"))

    step("read without a right", lambda: _text(reader, f"{secret}/versions/1"))
    fake.control("bind", resource=secret, role="roles/secretmanager.secretAccessor", member=READER)
    step("read with a right", lambda: _text(reader, f"{secret}/versions/1"))
    step("look with the right to read", lambda: _version(reader.get_secret_version(name=f"{secret}/versions/1")))

    if transport != "google":
        there = {"project": "acme", "location": "europe-west3", "secret": f"cargo-{transport}"}
        fake.control("secret", **there, value=f"{value}-there")
        regional = f"projects/acme/locations/europe-west3/secrets/cargo-{transport}/versions/latest"
        step("read in a location", lambda: _text(admin, regional))
        step("read in a location without a right", lambda: _text(reader, regional))

    aliased = {"name": secret, "version_aliases": {"stable": 1}}
    mask = {"paths": ["version_aliases"]}
    step("name a version", lambda: dict(admin.update_secret(secret=aliased, update_mask=mask).version_aliases))
    step("read by alias", lambda: _text(admin, f"{secret}/versions/stable"))
    step("read by an unknown alias", lambda: _text(admin, f"{secret}/versions/beta"))

    step("disable", lambda: _version(admin.disable_secret_version(name=f"{secret}/versions/2")))
    step("read what is disabled", lambda: _text(admin, f"{secret}/versions/latest"))
    step("list", lambda: [_version(each) for each in admin.list_secret_versions(parent=secret)])
    only = {"parent": secret, "filter": "state:ENABLED"}
    step("list what is enabled", lambda: [_version(each) for each in admin.list_secret_versions(request=only)])
    one = {"parent": secret, "page_size": 1}
    step("list page by page", lambda: [_version(each) for each in admin.list_secret_versions(request=one)])
    step("enable", lambda: _version(admin.enable_secret_version(name=f"{secret}/versions/2")))
    step("read what is enabled", lambda: _bytes(admin, f"{secret}/versions/2"))
    step("destroy", lambda: _version(admin.destroy_secret_version(name=f"{secret}/versions/2")))
    step("read what is destroyed", lambda: _text(admin, f"{secret}/versions/2"))
    step("enable what is destroyed", lambda: _version(admin.enable_secret_version(name=f"{secret}/versions/2")))

    fake.control("corrupt")
    step("read a wrong checksum", lambda: _checked(admin, f"{secret}/versions/1"))
    step("read it again", lambda: _checked(admin, f"{secret}/versions/1"))
    fake.control("service", project="acme", enabled=False)
    step("read while the service is off", lambda: _text(admin, f"{secret}/versions/1"))
    fake.control("service", project="acme", enabled=True)

    def step_as(name, credentials):
        step(name, lambda: _text(fake.client(credentials, transport), f"{secret}/versions/1"))

    step_as("read with a token that nobody knows", bearer("nonsense"))
    step_as("read with a token that ran out", bearer(fake.control("token", member=ADMIN, lifetime=0)))
    scopes = ["https://www.googleapis.com/auth/devstorage.read_only"]
    step_as("read with another scope", bearer(fake.control("token", member=ADMIN, scopes=scopes)))
    quota = bearer(fake.control("token", member=ADMIN)).with_quota_project("billing")
    step_as("read at another project's cost", quota)
    use = {"role": "roles/serviceusage.serviceUsageConsumer", "member": ADMIN}
    fake.control("bind", resource="projects/billing", **use)
    step_as("read at another project's cost with the right to", quota)
    fake.control("unbind", resource="projects/billing", **use)
    step("delete", lambda: admin.delete_secret(name=secret))
    step("read what is deleted", lambda: _text(admin, f"{secret}/versions/1"))
    return done


def _bytes(client, name):
    return base64.b64encode(client.access_secret_version(name=name).payload.data).decode()


def _text(client, name):
    return client.access_secret_version(name=name).payload.data.decode()


def _checked(client, name):
    """Whether the checksum is that of the data, as Google's samples compare it."""
    payload = client.access_secret_version(name=name).payload
    return google_crc32c.value(payload.data) == payload.data_crc32c


def _version(version):
    return f"{version.name} {version.state.name}"
