#!/bin/sh
# A supplier's client in shell, to copy: take every order from the inbox, keep it, accept it, confirm it.
#
#     GATEWAY=https://b2b.bigcorp.example KEY=... sh supplier_client.sh orders/
#
# Run it from cron as often as you like: what was kept and not confirmed is taken again, and nothing is answered twice.
set -eu
folder=${1:?"name the folder that orders go to"}
mkdir -p "$folder"

call() { # method, path, further arguments of curl
  method=$1 path=$2
  shift 2
  # --retry waits as long as Retry-After says; each call here may be made twice.
  curl --fail-with-body --silent --show-error --max-time 60 --retry 5 -X "$method" "$GATEWAY$path" \
    -H "Authorization: Bearer $KEY" "$@"
}

call GET "/v1/inbox?type=purchase_order" |
  python3 -c 'import json, sys; [print(item["id"]) for item in json.load(sys.stdin)["documents"]]' |
  while read -r id; do
    call GET "/v1/inbox/$id/content" -H "Accept: application/json" -o "$folder/$id.part"
    sync "$folder/$id.part"
    mv "$folder/$id.part" "$folder/$id.json" # whole or not at all
    number=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["number"])' "$folder/$id.json")
    place=$(python3 -c 'import sys, urllib.parse; print(urllib.parse.quote(sys.argv[1], safe=""))' "$number")
    call POST "/v1/purchase-orders/$place/acknowledgment" -H "Content-Type: application/json" \
      -H "Idempotency-Key: accept-$id" -H "Prefer: wait=10" -d '{"status": "accepted"}' -o "$folder/$id.answer"
    call POST "/v1/inbox/$id/confirm" -o /dev/null # last: an order is never out of the inbox before it is answered
    echo "$number is kept, accepted and confirmed"
  done
