"""The command line, one file a command; `actuator.cli` puts them together.

Exit statuses, of every command:

===  =============================================================================================
0    Done: the server stopped when told; the answer is printed; the job succeeded; no problem found.
1    Refused or failed, as the last sentence on standard error says.
2    The command line, the configuration or the token is wrong.
3    The actuator does not answer, or only that it cannot now.
130  Interrupted (Ctrl-C); a job that was followed goes on.
===  =============================================================================================
"""
