"""``wattshift-actuator doctor``: what keeps the actuator from doing its work, and the command that mends it.

One file a check. `actuator.doctor.facts` looks at everything that is on the network, once and side by side; the checks
judge what was seen, and are pure but for those that look at this machine's own files.
"""
