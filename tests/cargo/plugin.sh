#!/bin/sh
# A plugin that gives the answer in the file beside it, whatever it is asked, and notes what that was.
echo '{"v":[1]}'
read -r line
printf '%s\n' "$line" >>"$0.asked"
cat "$0.answer"
