#!/bin/sh
# Gives the actuator the least it needs in Proxmox VE: two roles, a user that cannot log in, and a token of its own.
#
#   role-and-token.sh [-w] [-p POOL] [-f FILE]
#
#     -w       nodes may be woken through Proxmox's own wakeonlan call, which takes Sys.PowerMgmt on /nodes; the same
#              privilege switches nodes off, so leave it out while the actuator sends its packets itself or asks the BMC
#     -p POOL  only the guests of this pool may be moved (without it: every guest; the actuator's own allow-list has the
#              last word either way)
#     -f FILE  where the token's secret goes, mode 0600; by default /etc/wattshift/proxmox-token
#
# Run it as root on one node of the cluster. Running it again changes nothing, or finishes what was left undone; with
# other options it grants what they say in place of what it granted before (but for another pool: see pveum acl list).
set -eu
umask 077

USER_ID=wattshift@pve
TOKEN=actuator
WAKE=
POOL=
FILE=/etc/wattshift/proxmox-token

die() {
    echo "role-and-token: $*" >&2
    exit 1
}

while getopts wp:f: option; do
    case $option in
    w) WAKE=yes ;;
    p) POOL=$OPTARG ;;
    f) FILE=$OPTARG ;;
    *) die "usage: role-and-token.sh [-w] [-p POOL] [-f FILE]" ;;
    esac
done
shift $((OPTIND - 1))
[ $# -eq 0 ] || die "what is '$1'? usage: role-and-token.sh [-w] [-p POOL] [-f FILE]"
command -v pveum >/dev/null || die "pveum is not here: run this as root on a Proxmox VE node."

guests=/vms
[ -z "$POOL" ] || guests=/pool/$POOL

# Lists come as JSON, compact or pretty as the version has it; without white space a fixed string finds an entry.
has() { # has ENTRY LIST-COMMAND...
    entry=$1
    shift
    list=$("$@" --output-format json) || die "'$*' failed: are you root, and has the cluster quorum?"
    case $(printf %s "$list" | tr -d '[:space:]') in *"$entry"*) true ;; *) false ;; esac
}

role() { # role NAME PRIVILEGES
    if has "\"roleid\":\"$1\"" pveum role list; then
        pveum role modify "$1" --privs "$2"
    else
        pveum role add "$1" --privs "$2"
    fi
}

# Looks before it creates: a secret is shown only once, so it needs a place, and one that holds no other secret.
user=missing token=missing
if has "\"userid\":\"$USER_ID\"" pveum user list; then
    user=there
    if has "\"tokenid\":\"$TOKEN\"" pveum user token list "$USER_ID"; then
        token=there
    fi
fi
if [ $token = there ] && [ ! -s "$FILE" ]; then
    die "token $USER_ID!$TOKEN exists, but its secret is not in $FILE, and Proxmox shows a secret only once." \
        "If you have it, write it there; if not: pveum user token remove $USER_ID $TOKEN, and run this again."
fi
if [ $token = missing ] && [ -s "$FILE" ]; then
    die "$FILE holds a secret, but token $USER_ID!$TOKEN does not exist. Move the file away and run this again."
fi

# Moving guests and seeing them: /vms/{vmid} in the API's permission checks.
role WattshiftMove "VM.Migrate VM.Audit"
# Seeing the cluster's state and the tasks of others (/cluster/status, /nodes/{node}/tasks), and whether storages are active.
role WattshiftWatch "Sys.Audit Datastore.Audit"
# Waking nodes. What is granted on /nodes hides what is granted above it there, so Sys.Audit is said again.
[ -z "$WAKE" ] || role WattshiftWake "Sys.Audit Sys.PowerMgmt"

# No password: this user works through its token alone.
if [ $user = missing ]; then
    pveum user add "$USER_ID" --comment "Wattshift actuator"
fi

if [ $token = missing ]; then
    (umask 022 && mkdir -p "$(dirname "$FILE")") # the actuator looks into it too
    answer=$(mktemp "$FILE.XXXXXX")
    trap 'rm -f "$answer"' EXIT
    # The secret goes from pveum into the file: never on the screen, in an argument or in the environment.
    pveum user token add "$USER_ID" "$TOKEN" --privsep 1 --comment "Wattshift actuator" --output-format json >"$answer"
    sed -i -n 's/.*"value"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p' "$answer"
    [ -s "$answer" ] || die "pveum's answer has no secret in it: pveum user token remove $USER_ID $TOKEN, and run this again."
    mv "$answer" "$FILE"
fi

# What an earlier run granted and this one does not is taken back.
revoke() { # revoke PATH ROLE
    pveum acl delete "$1" --users "$USER_ID" --roles "$2"
    pveum acl delete "$1" --tokens "$USER_ID!$TOKEN" --roles "$2"
}
[ -z "$POOL" ] || revoke /vms WattshiftMove
if [ -z "$WAKE" ] && has '"roleid":"WattshiftWake"' pveum role list; then
    revoke /nodes WattshiftWake
fi

# A token with separated privileges may do what both it and its user may.
pveum acl modify "$guests" --users "$USER_ID" --roles WattshiftMove
pveum acl modify "$guests" --tokens "$USER_ID!$TOKEN" --roles WattshiftMove
pveum acl modify / --users "$USER_ID" --roles WattshiftWatch
pveum acl modify / --tokens "$USER_ID!$TOKEN" --roles WattshiftWatch
if [ -n "$WAKE" ]; then
    pveum acl modify /nodes --users "$USER_ID" --roles WattshiftWake
    pveum acl modify /nodes --tokens "$USER_ID!$TOKEN" --roles WattshiftWake
fi

cat <<END
Token $USER_ID!$TOKEN may see the cluster and move the guests under $guests. Its secret is in $FILE.
On the actuator's machine, put that file where proxmox.token_file in its configuration points, and let it be read by
the actuator alone: chown root:wattshift-actuator FILE && chmod 0640 FILE
END
