"""How the operator's page looks: templates, and the files that they load. What it shows is `actuator.api.pages`."""
