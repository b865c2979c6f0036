"""HTTP APIs before a function, for system tests."""

import functions
import requests


def permit(strata, function):
    """Every API of the account may invoke it."""
    strata.client('lambda').add_permission(FunctionName=function, StatementId='api', Action='lambda:InvokeFunction', Principal='apigateway.amazonaws.com',
                                           SourceArn='arn:aws:execute-api:us-east-1:000000000000:*/*')


def new_function(strata, source, permitted=True):
    """The ARN of a new function behind APIs."""
    functions.need_runtime(strata)
    name = functions.create(strata, source, functions.role(strata), MemorySize=256)
    arn = strata.client('lambda').get_function(FunctionName=name)['Configuration']['FunctionArn']
    if permitted:
        permit(strata, arn)
    return arn


class Api:
    def __init__(self, strata, client, routes, function, version='2.0', stage='$default', timeout=None, **config):
        self.strata, self.client = strata, client
        self.id = client.create_api(Name='a', ProtocolType='HTTP', **config)['ApiId']
        more = {'TimeoutInMillis': timeout} if timeout else {}
        self.integration = client.create_integration(ApiId=self.id, IntegrationType='AWS_PROXY', IntegrationUri=function,
                                                     PayloadFormatVersion=version, **more)['IntegrationId']
        for route in routes:
            client.create_route(ApiId=self.id, RouteKey=route, Target='integrations/' + self.integration)
        client.create_stage(ApiId=self.id, StageName=stage, AutoDeploy=True, StageVariables={'sv': '1'})

    def __call__(self, method, path, headers={}, host='{}.execute-api.us-east-1.localhost', **more):
        port = self.strata.url.rsplit(':', 1)[1]
        return requests.request(method, self.strata.url + path, headers={'Host': f'{host.format(self.id)}:{port}', **headers}, timeout=60, **more)
