"""The HTTP toolkit: authentication, endpoints, problems, OpenAPI, health. It knows no domain."""
