#!/bin/sh
# Answers what ssh asks while gitdeck runs it. Nothing secret is in here: secrets come through a pipe.
[ "$SSH_ASKPASS_PROMPT" = none ] && exit 0
printf '%s\n' "$1" >> "$GITDECK_ASK/asked"
case $1 in
*'(yes/no'*)
  # ssh itself compares the answer with the fingerprint of the key.
  if [ -n "$GITDECK_HOST_KEY" ]; then
    case $1 in *"$GITDECK_HOST_KEY"*) printf '%s\n' "$GITDECK_HOST_KEY"; exit ;; esac
  fi
  echo no ;;
*)
  if [ -n "$GITDECK_WORD" ]; then
    case $1 in *"$GITDECK_WORD"*) ;; *) exit 1 ;; esac
  else
    # The whole question: a part of it could be the words of a host on the way.
    [ -n "$GITDECK_PROMPT" ] && [ "$1" = "$GITDECK_PROMPT" ] || exit 1
  fi
  # Without the process that wrote it the pipe would never open.
  kill -0 "$GITDECK_PID" || exit 1
  IFS= read -r answer < "$GITDECK_ASK/answers" && printf '%s\n' "$answer" ;;
esac
