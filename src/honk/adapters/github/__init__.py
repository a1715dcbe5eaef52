"""GitHub.com and GitHub Enterprise Server: pull requests, checks, discussions, deployments and credentials."""
