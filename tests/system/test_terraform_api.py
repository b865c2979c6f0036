"""Real terraform makes an HTTP API with authorizers, sees no difference, changes and removes it."""

from terraform import Folder, needs_terraform


@needs_terraform
def test_an_api_with_authorizers(strata, tmp_path):
    client, folder = strata.client('apigatewayv2'), Folder(strata, 'terraform_api', tmp_path)
    folder.apply()
    folder.apply(audience='two')
    api = next(a['ApiId'] for a in client.get_apis(MaxResults='500')['Items'] if a['Name'] == 'api')
    assert [a['JwtConfiguration']['Audience'] for a in client.get_authorizers(ApiId=api)['Items'] if a['Name'] == 'jwt'] == [['two']]
    assert {r['AuthorizationType'] for r in client.get_routes(ApiId=api)['Items']} == {'JWT', 'CUSTOM', 'AWS_IAM'}
    folder.destroy()
    assert api not in [a['ApiId'] for a in client.get_apis(MaxResults='500')['Items']]
