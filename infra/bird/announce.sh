#!/bin/sh
# Announces the shared prefixes while the edge of this machine is ready, and withdraws them when it is not: started once a second by
# breakwater-announce.timer, or in a loop. Three failures in a row withdraw, two successes announce again, as geo-dns counts.
#
#   announce.sh http://127.0.0.1:8091/readyz
set -eu

ready_url=${1:?the /readyz of the edge, on its admin listener}
state=${BREAKWATER_ANNOUNCE_STATE:-/run/breakwater-announce}

read -r announced failures successes 2>/dev/null < "$state" || { announced=no failures=0 successes=0; }

if curl --silent --fail --max-time 1 --output /dev/null "$ready_url"; then
  failures=0 successes=$((successes + 1))
else
  failures=$((failures + 1)) successes=0
fi

if [ "$announced" = no ] && [ "$successes" -ge 2 ]; then
  birdc enable edge4 > /dev/null && birdc enable edge6 > /dev/null && announced=yes
elif [ "$announced" = yes ] && [ "$failures" -ge 3 ]; then
  birdc disable edge4 > /dev/null && birdc disable edge6 > /dev/null && announced=no
fi

echo "$announced $failures $successes" > "$state"
