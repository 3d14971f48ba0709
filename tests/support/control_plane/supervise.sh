# Runs "$@" after the first word, a folder, until standard input ends; then kills it and removes the folder.
# Standard input is a pipe that the test process holds: it ends however that process ends.
folder=$1
shift
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
{
	cat <&3 >/dev/null
	kill -9 "$child" 2>/dev/null
	while kill -0 "$child" 2>/dev/null; do sleep 0.02; done
	rm -rf "$folder"
} &
guard=$!
exec 3<&-
wait "$child"
code=$?
# Killed by the guard: let it finish. Ended by itself: keep the folder, the log in it says why.
if [ "$code" -eq 137 ]; then wait "$guard"; else kill "$guard" 2>/dev/null; fi
exit "$code"
