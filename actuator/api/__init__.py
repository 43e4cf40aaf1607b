"""The way in: one router a file; any request becomes episode, decision, job."""
