"""Faults of meaning that a rule could have, each with a case of the rule tests that catches it."""

from __future__ import annotations

# rule test -> case -> fault -> (rule file, text, what takes its place)
FAULTS: dict[str, dict[str, dict[str, tuple[str, str, str]]]] = {
    "power.yml": {
        "a source that goes while the alert is pending does not fire": {
            "the threshold is another": ("thresholds.yml", "vector(6)", "vector(13)"),
            "the threshold is another node's": ("thresholds.yml", "node: pve2", "node: pve"),
            "the guest is another": ("thresholds.yml", 'vmid: "100"', 'vmid: "101"'),
            "the guest is moved elsewhere": ("thresholds.yml", "target_node: pve\n", "target_node: pve9\n"),
            "the threshold is another source's": ("thresholds.yml", "source: dcmi", "source: rapl"),
            "a threshold counts whatever the source": (
                "power.yml",
                "group_right () wattshift:node_threshold_watts",
                "group_right () max without (source) (wattshift:node_threshold_watts)",
            ),
            "the source is in the alert's identity": (
                "power.yml",
                "max without (source) (",
                "max without (instance) (",
            ),
            "two samples are a minute": ("power.yml", ">= 6", ">= 1"),
            "a minute is never filled": ("power.yml", ">= 6", ">= 60"),
            "a node gone silent has a mean": ("power.yml", "and wattshift:node_watts\n", "\n"),
            "the mean does not matter": ("power.yml", "(wattshift:node_watts:mean >", "(wattshift:node_watts >"),
            "the alert does not wait": ("power.yml", "        for: 1m\n", ""),
            "the alert asks for nothing": ("power.yml", "          action: migrate", "          verb: migrate"),
        },
        "a node that is scraped twice is not two nodes": {
            "two scrapes of a node are added up": ("power.yml", "avg by (node, source)", "sum by (node, source)")
        },
        "a load that is too much by both sources is one alert across the change, in both directions": {
            "a threshold is told for another source": (
                "power.yml",
                "on (node, source) wattshift:node_watts:mean",
                "on (node) wattshift:node_watts:mean",
            )
        },
        "a figure older than a minute is no figure, even where no scrape has said that it ended": {
            "old figures count": (
                "power.yml",
                "wattshift_node_watts and count_over_time(wattshift_node_watts[1m])",
                "wattshift_node_watts",
            )
        },
        "a load whose mean is below the threshold never fires, though most samples are above": {
            "a sum is taken for a mean": ("power.yml", "avg_over_time", "sum_over_time"),
            "the highest sample decides": ("power.yml", "avg_over_time", "max_over_time"),
        },
        "a load that stays fires after its minute, with exactly the labels the actuator obeys": {
            "the lowest sample decides": ("power.yml", "quantile_over_time(0.5,", "quantile_over_time(0,"),
            "a burst counts as a load": ("power.yml", "quantile_over_time(0.5,", "quantile_over_time(1,"),
        },
        "a threshold that names neither guest nor target leaves both labels out": {
            "the alert waits too long": ("power.yml", "        for: 1m\n", "        for: 2m\n")
        },
        "a load that is none by the other source resolves, though nothing says that it has gone": {
            "a dip ends the episode": ("power.yml", "        keep_firing_for: 1m\n", ""),
            "the episode never ends": ("power.yml", "keep_firing_for: 1m", "keep_firing_for: 1h"),
        },
    },
    "trend.yml": {
        "a steady rise fires some minutes before it crosses, and ends when it has crossed": {
            "a step is a trend": ("trend.yml", "        for: 4m\n", "        for: 1m\n"),
            "what is above already is foretold": (
                "trend.yml",
                "(wattshift:node_watts:mean <= on",
                "(wattshift:node_watts:mean != on",
            ),
        },
        "a load that goes up and down below the threshold is no trend": {
            "three minutes alone decide": ("trend.yml", "mean[10m], 600) >", "mean[3m], 600) >")
        },
        "a step, however high below the threshold, a level load and a fall never fire": {
            "ten minutes alone decide": ("trend.yml", "mean[3m], 600) >", "mean[10m], 600) >")
        },
        "a rise that takes longer than ten minutes does not fire, nor does one by another source": {
            "a slow rise is foretold": ("trend.yml", "600)", "1800)"),
            "any source will do": ("trend.yml", "on (node, source)", "on (node)"),
        },
        "nothing is foretold of a source that has measured for less than nine minutes": {
            "a rise is foretold too late": ("trend.yml", "600)", "120)"),
            "a few minutes are enough": ("trend.yml", "offset 9m", "offset 1m"),
        },
        "a rise that pauses is one alert": {
            "a pause begins a new alert": ("trend.yml", "        keep_firing_for: 5m\n", ""),
            "the actuator is told the node": ("trend.yml", "max by (threshold_of)", "max by (threshold_of, node)"),
        },
    },
    "energy.yml": {
        "a day's energy is that of the minutes that were measured, by what measured them": {
            "a minute is a second": (
                "energy.yml",
                "60 * (avg_over_time(wattshift:node_watts",
                "1 * (avg_over_time(wattshift:node_watts",
            ),
            "a sum is taken for a mean": (
                "energy.yml",
                "(avg_over_time(wattshift:node_watts[1m])",
                "(sum_over_time(wattshift:node_watts[1m])",
            ),
            "what is gone at the end of its minute counts": ("energy.yml", "[1m]) and wattshift:node_watts)", "[1m]))"),
        },
        "a figure from before a restart of Prometheus is no energy": {
            "a figure from before a restart counts": (
                "energy.yml",
                "avg_over_time(wattshift:node_watts[1m]) and wattshift:node_watts",
                "wattshift:node_watts",
            ),
            "a guest's figure from before a restart counts": (
                "energy.yml",
                "avg_over_time(wattshift_guest_watts[1m]) and wattshift_guest_watts",
                "wattshift_guest_watts",
            ),
        },
        "a guest's energy is told for each node it ran on, and with host and idle it is the node's": {
            "two scrapes of a guest are added up": ("energy.yml", "avg by (node, id, name)", "sum by (node, id, name)"),
            "a guest has no node": ("energy.yml", "avg by (node, id, name)", "sum by (id, name)"),
        },
        "a kilowatt for an hour is a kilowatt-hour, and what was drawn a day ago is gone minute by minute": {
            "a day is a week": ("energy.yml", "minute[1d])", "minute[7d])")
        },
        "the mean of five minutes needs half of them, and a figure now": {
            "half a minute is five": ("energy.yml", ">= 30", ">= 1"),
            "a node gone silent has a mean of five minutes": (
                "energy.yml",
                ">= 30)\n          and wattshift:node_watts\n",
                ">= 30)\n",
            ),
        },
        "headroom is what is left below the lowest threshold for the source that measures, and none otherwise": {
            "the highest threshold is the one that is left": (
                "energy.yml",
                "min by (node, source)",
                "max by (node, source)",
            ),
            "headroom by any source": (
                "energy.yml",
                "- on (node, source) group_left () wattshift",
                "- on (node) group_left () wattshift",
            ),
            "headroom is what is too much": (
                "energy.yml",
                "wattshift:node_threshold_watts - on (node, source) group_left () wattshift:node_watts:mean",
                "-1 * (wattshift:node_threshold_watts - on (node, source) group_left () wattshift:node_watts:mean)",
            ),
        },
    },
    "wattshift.yml": {
        "one of a pair that does not answer fires after five minutes, and not once the other is down too": {
            "one of a pair is missed only when both are": (
                "wattshift.yml",
                'up{job="wattshift-actuator"} == 0 and on () (up{job="wattshift-actuator"} == 1)',
                'up{job="wattshift-actuator"} == 0 unless on () (up{job="wattshift-actuator"} == 1)',
            ),
            "the last of a pair is two pages": (
                "wattshift.yml",
                'up{job="wattshift-actuator"} == 0 and on () (up{job="wattshift-actuator"} == 1)',
                'up{job="wattshift-actuator"} == 0',
            ),
            "any that does not answer is an actuator": (
                "wattshift.yml",
                'up{job="wattshift-actuator"} == 0 and on ()',
                "up == 0 and on ()",
            ),
        },
        "failures during a restart of the actuator still fire": {
            "a migration's first failure alone fires": (
                "wattshift.yml",
                '> min_over_time(wattshift_failed_jobs{failure=~"migration_failed|not_proven"}[1h])',
                '> 2 * min_over_time(wattshift_failed_jobs{failure=~"migration_failed|not_proven"}[1h])',
            ),
            "one failure is two pages": (
                "wattshift.yml",
                '{failure!~"migration_failed|not_proven|never_woke|never_ready"}',
                "",
            ),
            "a restart forgets a failure": ("wattshift.yml", "[1h]", "[2m]"),
        },
        "what failed before the first scrape after an outage fires for an hour, what failed earlier does not": {
            "an outage forgets a failure": ("wattshift.yml", "[3d] offset 1h", "[1h]"),
            "an outage brings back an old failure": ("wattshift.yml", "[3d] offset 1h)", "[3d] offset 1h) - 1"),
            "a failure before an outage fires for ever": ("wattshift.yml", "[3d] offset 1h", "[3d] offset 3h"),
        },
        "a node that did not wake, or did not get ready, is told as one, and as nothing else": {
            "old failures of waking fire": (
                "wattshift.yml",
                '> min_over_time(wattshift_failed_jobs{failure=~"never_woke|never_ready"}[1h])',
                "> 0",
            ),
            "a node that does not get ready is no failure": (
                "wattshift.yml",
                'never_woke|never_ready"}\n',
                'never_woke"}\n',
            ),
        },
        "the first failed job fires at once, for an hour, and carries no label that the actuator obeys": {
            "the cause of a failure is not told": ("wattshift.yml", "max by (instance, failure)", "max by (instance)")
        },
        "an actuator that nobody asked Prometheus to scrape is missed all the same": {
            "a missing actuator is not missed": (
                "wattshift.yml",
                'absent(up{job="wattshift-actuator"} == 1)',
                'up{job="wattshift-actuator"} == 0',
            )
        },
        "an actuator that does not answer fires after five minutes, not while it restarts": {
            "a restart is an outage": ("wattshift.yml", "for: 5m", "for: 1m")
        },
        "a database that fails for two minutes fires, one that is back at once does not": {
            "a moment without the database is an outage": (
                "wattshift.yml",
                "(wattshift_store_up) == 0\n        for: 2m\n",
                "(wattshift_store_up) == 0\n",
            ),
            "one database that works hides another": (
                "wattshift.yml",
                "max by (instance) (wattshift_store_up)",
                "max by (job) (wattshift_store_up)",
            ),
        },
        "a pair without a leader fires, a standby and a takeover do not": {
            "a standby is no leader": (
                "wattshift.yml",
                "max by (job) (wattshift_leader)",
                "min by (job) (wattshift_leader)",
            )
        },
        "a pause of more than four hours fires, a restart in between does not end it": {
            "a restart ends the pause": ("wattshift.yml", "max_over_time(wattshift_paused[10m])", "wattshift_paused"),
            "a pause may last for ever": ("wattshift.yml", "for: 4h", "for: 12h"),
        },
        "a caller who is refused again and again fires; one mistake and other refusals do not": {
            "one mistake is an attack": ("wattshift.yml", "for: 20m", "for: 10m"),
            "any refusal is a wrong token": ("wattshift.yml", '{status=~"401|403|429"}', ""),
        },
    },
    "exporter.yml": {
        "an exporter that does not answer fires after five minutes; one that may sleep does not": {
            "an exporter down is a source down": (
                "wattshift.yml",
                'up{job="wattshift-exporter"} == 1 unless',
                "up unless",
            ),
            "a sleeping node is an outage": ("wattshift.yml", ', may_sleep!="true"', ""),
        },
        "a threshold without a source, one of a node that never reports, and one of a misspelt source are missed": {
            "a fall-back is never missed": (
                "wattshift.yml",
                "(wattshift:node_threshold_watts and on (node, source)",
                "(wattshift:node_threshold_watts and on (node)",
            )
        },
        "a second entry for the same order with the other source is enough, one for another guest is not": {
            "another guest's threshold will do": (
                "wattshift.yml",
                "unless on (node, vmid, target_node)",
                "unless on (node)",
            )
        },
        "a node that may sleep is not missed while it is off, and is while it is awake and measured otherwise": {
            "a sleeping node has to be measured": (
                "wattshift.yml",
                "(wattshift:node_may_sleep == 1 unless",
                "(wattshift:node_may_sleep == 2 unless",
            ),
            "a node that may sleep need never be measured": (
                "wattshift.yml",
                "(wattshift:node_may_sleep == 1 unless on (node) wattshift_exporter_build_info)",
                "(wattshift:node_may_sleep == 1)",
            ),
            "a sleeping node is forgotten": (
                "wattshift.yml",
                "last_over_time(wattshift:node_may_sleep[1d])",
                "last_over_time(up[1d])",
            ),
        },
        "a node that may sleep no longer is missed when it is off": {
            "what may sleep once may sleep for ever": (
                "wattshift.yml",
                "0 * group by (node) (wattshift_exporter_build_info)",
                "0 * group by (node) (up)",
            ),
            "the actuator is told the node": (
                "wattshift.yml",
                "count by (threshold_of)",
                "count by (threshold_of, node)",
            ),
        },
        "a source that keeps changing fires, a fall-back and a few restarts do not": {
            "a source that comes back for good flaps": ("wattshift.yml", ") > 7", ") > 0"),
            "a source that keeps changing is never missed": (
                "wattshift.yml",
                "sum by (instance) (\n            count_over_time((wattshift_node_watts",
                "max by (instance) (\n            count_over_time((wattshift_node_watts",
            ),
            "a source that stays counts again and again": (
                "wattshift.yml",
                " unless wattshift_node_watts offset 15s",
                "",
            ),
            "a change of source is never over": ("wattshift.yml", "[15m:15s]", "[1h:15s]"),
        },
        "sources that contradict each other fire after five minutes, and name what to do": {
            "a disagreement that has ended goes on": (
                "wattshift.yml",
                "(wattshift_source_disagreement) == 1",
                "(wattshift_source_disagreement) >= 0",
            ),
            "one disagreement hides another": ("wattshift.yml", "max by (instance, source, kind)", "max by (instance)"),
        },
        "an exporter that answers without any power reading fires after five minutes": {
            "one source gone is all gone": (
                "wattshift.yml",
                "wattshift_node_watts\n",
                'wattshift_node_watts{source="rapl"}\n',
            )
        },
        "a source that has given nothing for ten minutes while another stands in fires, and no other": {
            "a source is stale while it works": (
                "wattshift.yml",
                "wattshift_source_last_success_timestamp_seconds offset 10m",
                "wattshift_source_last_success_timestamp_seconds",
            ),
            "a source is stale where none is left": (
                "wattshift.yml",
                "            and on (job, instance) wattshift_node_watts\n",
                "",
            ),
            "one source stale hides another": ("wattshift.yml", "max by (instance, source) (", "max by (instance) ("),
        },
    },
}
