#!/bin/bash
# The steps of the original article's script, from the magic packet on. What it does before, sampling powerstat for 60 s
# and comparing the mean with a threshold, is left out: here, as with the actuator, Prometheus has done that.
#
# webhook gives it what the original had written at its top: guest and target node. MACS and ADDRESSES stand for the
# rest of that; WAKE_OPTIONS are for a network that is not the article's.
VM_ID="$1"
BACKUP_NODE="$2"
source "$(dirname "$0")/nodes.sh"
BACKUP_NODE_IP="${ADDRESSES[$BACKUP_NODE]}"
BACKUP_NODE_MAC="${MACS[$BACKUP_NODE]}"
MAX_RETRIES=12
SLEEP_INTERVAL=10

wakeonlan $WAKE_OPTIONS $BACKUP_NODE_MAC
echo "Waiting for $BACKUP_NODE ($BACKUP_NODE_IP) to be reachable..."
RETRY_COUNT=0
while ! ping -c 1 $BACKUP_NODE_IP &> /dev/null; do
    RETRY_COUNT=$((RETRY_COUNT + 1))
    if [ "$RETRY_COUNT" -ge "$MAX_RETRIES" ]; then
        echo "Error: $BACKUP_NODE did not respond after $((MAX_RETRIES * SLEEP_INTERVAL)) seconds. Exiting."
        exit 1
    fi
    echo "Waiting for $BACKUP_NODE to come online... ($RETRY_COUNT/$MAX_RETRIES)"
    sleep $SLEEP_INTERVAL
done

echo "Backup node $BACKUP_NODE is online. Starting migration..."
qm migrate $VM_ID $BACKUP_NODE --online
echo "VM $VM_ID successfully migrated to backup node $BACKUP_NODE ($BACKUP_NODE_IP)."
