environment            = "stage"
region                 = "eu-west-1"
point_in_time_recovery = false
cors_allow_origins     = []

# The provider for GitHub's tokens exists once in an account: the first environment of an account makes it.
create_github_oidc_provider = false
github_repository           = "example/practice"
