"""Terraform with function URLs and provisioned concurrency: what it applies it finds again unchanged, and it answers."""

import functions
from terraform import Folder, needs_terraform


@needs_terraform
def test_terraform_finds_no_difference(own_strata, tmp_path):
    functions.need_runtime(own_strata)
    folder, code, client = Folder(own_strata, 'terraform_urls', tmp_path), tmp_path / 'code.zip', own_strata.client('lambda')
    code.write_bytes(functions.zipped('def handler(event, context): return "hello"'))
    for auth, origins in (('AWS_IAM', '["https://a.example"]'), ('NONE', '[]')):
        folder.apply(auth=auth, origins=origins, code=code)
        made = client.get_function_url_config(FunctionName='terraform-url')
        assert (made['AuthType'], 'Cors' in made) == (auth, origins != '[]')
    url = folder.run('output', '-raw', 'url').stdout
    done = own_strata.command('exec', '--', 'curl', '-sS', '--max-time', '60', url)
    assert done.stdout == 'hello', done.stderr
    folder.destroy()
