"""PartiQL on DynamoDB: statements, batches, transactions, who may run them, and errors in AWS's words."""

import json

import pytest
from botocore.exceptions import ClientError

from refusals import refusal, refused

MALFORMED = "Statement wasn't well formed, can't be processed: "


@pytest.fixture(scope='module')
def ddb(strata):
    return strata.client('dynamodb')


@pytest.fixture(scope='module')
def table(ddb):
    ddb.create_table(TableName='qls', BillingMode='PAY_PER_REQUEST',
                     KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}, {'AttributeName': 'n', 'KeyType': 'RANGE'}],
                     AttributeDefinitions=[{'AttributeName': a, 'AttributeType': t} for a, t in (('id', 'S'), ('n', 'N'), ('owner', 'S'))],
                     GlobalSecondaryIndexes=[{'IndexName': 'by-owner', 'KeySchema': [{'AttributeName': 'owner', 'KeyType': 'HASH'}],
                                              'Projection': {'ProjectionType': 'ALL'}}])
    return 'qls'


@pytest.fixture
def run(ddb, table):
    def execute(statement, *parameters, **more):
        if parameters:
            more['Parameters'] = list(parameters)
        return ddb.execute_statement(Statement=statement, **more)
    return execute


def test_a_grant_on_an_index_does_not_lead_to_its_table(strata, ddb, table):
    user, iam, name = strata.user('dynamodb')
    index = 'arn:aws:dynamodb:us-east-1:000000000000:table/qls/index/by-owner'
    iam.put_user_policy(UserName=name, PolicyName='p', PolicyDocument=json.dumps(
        {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'dynamodb:*', 'Resource': index}]}))
    user.query(TableName='qls', IndexName='by-owner', KeyConditionExpression='#o = :o', ExpressionAttributeNames={'#o': 'owner'}, ExpressionAttributeValues={':o': {'S': 'x'}})
    for elsewhere in (index, 'arn:aws:s3:us-east-1:000000000000:table/qls', 'arn:aws-cn:dynamodb:us-east-1:000000000000:table/qls'):
        assert refusal(user.scan, TableName=elsewhere)[0] in ('ResourceNotFoundException', 'AccessDeniedException')
        assert refusal(ddb.scan, TableName=elsewhere)[0] == 'ResourceNotFoundException'
        assert refusal(user.execute_statement, Statement=f'SELECT * FROM "{elsewhere}"')[0] in ('ResourceNotFoundException', 'AccessDeniedException')
        assert refusal(ddb.execute_statement, Statement=f'SELECT * FROM "{elsewhere}"')[0] == 'ResourceNotFoundException'
    assert ddb.scan(TableName='arn:aws:dynamodb:us-east-1:000000000000:table/qls')['Items'] is not None


def invalid(run, statement, *parameters, **more):
    return refused('ValidationException', run, statement, *parameters, **more)


def item(ddb, key, n):
    return ddb.get_item(TableName='qls', Key={'id': {'S': key}, 'n': {'N': str(n)}}).get('Item')


def ids(found):
    return [i['n']['N'] for i in found['Items']]


def test_an_item_comes_changes_and_goes(ddb, run):
    assert run("INSERT INTO qls VALUE {'id': 'life', 'n': 1, 'm': {'a': ['x', true, null]}, 'tags': <<'p', 'q'>>, 's': ?}", {'S': "it's"})['Items'] == []
    assert item(ddb, 'life', 1) == {'id': {'S': 'life'}, 'n': {'N': '1'}, 'm': {'M': {'a': {'L': [{'S': 'x'}, {'BOOL': True}, {'NULL': True}]}}},
                                    'tags': {'SS': ['p', 'q']}, 's': {'S': "it's"}}
    assert refused('DuplicateItemException', run, "INSERT INTO qls VALUE {'id': 'life', 'n': 1}") == 'Duplicate primary key exists in table'
    old = run("UPDATE qls SET s = 'new' SET hits = ? REMOVE m.a[0] WHERE id = 'life' AND n = 1 RETURNING MODIFIED OLD *", {'N': '7'})['Items']
    assert old == [{'s': {'S': "it's"}, 'm': {'M': {'a': {'L': [{'S': 'x'}]}}}}]
    new = run("UPDATE qls SET hits = hits + 1 SET tags = set_add(tags, <<'r'>>) SET l = list_append(m.a, ['end']) WHERE id = 'life' AND n = 1 RETURNING ALL NEW *")
    assert new['Items'][0]['hits'] == {'N': '8'} and new['Items'][0]['tags'] == {'SS': ['p', 'q', 'r']} and new['Items'][0]['l']['L'][-1] == {'S': 'end'}
    run("UPDATE qls SET tags = set_delete(tags, <<'p'>>) WHERE id = 'life' AND n = 1 AND hits = 8")
    code, _ = refusal(run, "UPDATE qls SET hits = 0 WHERE id = 'life' AND n = 1 AND hits = 1")
    assert code == 'ConditionalCheckFailedException'
    assert refused('ConditionalCheckFailedException', run, "UPDATE qls SET a = 1 WHERE id = 'nobody' AND n = 1") == 'The conditional request failed'
    refused('ConditionalCheckFailedException', run, "DELETE FROM qls WHERE id = 'life' AND n = 1 AND NOT begins_with(s, 'ne')")
    assert run("DELETE FROM qls WHERE id = 'nobody' AND n = 1 AND s = 'x' RETURNING ALL OLD *")['Items'] == []
    gone = run("DELETE FROM qls WHERE id = 'life' AND n = 1 RETURNING ALL OLD *")['Items']
    assert gone[0]['tags'] == {'SS': ['q', 'r']} and item(ddb, 'life', 1) is None


def test_selects(ddb, run):
    for n in range(5):
        run('INSERT INTO qls VALUE ?', {'M': {'id': {'S': 'many'}, 'n': {'N': str(n)}, 'owner': {'S': 'ann' if n % 2 else 'bob'}, 'deep': {'M': {'x': {'N': str(n)}}}}})
    assert ids(run("SELECT * FROM qls WHERE id = 'many'")) == ['0', '1', '2', '3', '4']
    assert ids(run("SELECT * FROM qls WHERE id = 'many' AND n BETWEEN 1 AND 3 ORDER BY n DESC")) == ['3', '2', '1']
    assert ids(run("SELECT n FROM qls WHERE id = 'many' AND n >= 1 AND (owner = 'bob' OR deep.x = 3)")) == ['2', '3', '4']
    assert run("SELECT deep.x, n FROM \"qls\" WHERE id = ? AND n = 2", {'S': 'many'})['Items'] == [{'x': {'N': '2'}, 'n': {'N': '2'}}]
    assert sorted(ids(run("SELECT * FROM qls.\"by-owner\" WHERE owner = 'ann'"))) == ['1', '3']
    assert sorted(ids(run("SELECT * FROM qls WHERE id IN ['many', 'none'] AND n IN (0, 4)"))) == ['0', '4']
    assert sorted(ids(run("SELECT * FROM qls WHERE id = 'many' AND n <> 2 AND absent IS MISSING AND owner IS NOT NULL"))) == ['0', '1', '3', '4']
    assert ids(run("SELECT * FROM qls WHERE id = 'many' AND size(owner) > 3")) == []
    first = run("SELECT * FROM qls WHERE id = 'many'", Limit=2, ReturnConsumedCapacity='TOTAL')
    assert ids(first) == ['0', '1'] and first['LastEvaluatedKey']['n'] == {'N': '1'} and first['ConsumedCapacity']['CapacityUnits'] == 0.5
    assert ids(run("SELECT * FROM qls WHERE id = 'many'", NextToken=first['NextToken'])) == ['2', '3', '4']
    assert invalid(run, "SELECT * FROM qls WHERE id = 'x'", NextToken=first['NextToken']) == 'NextToken does not match request'
    assert invalid(run, "SELECT * FROM qls", NextToken='made-up') == 'Invalid NextToken'


@pytest.mark.parametrize('statement, message', [
    ('SLECT * FROM qls', MALFORMED + 'Expected data manipulation'),
    ("SELECT * FROM qls WHERE id = 'a' garbage", MALFORMED + 'Unexpected token after expression'),
    ("SELECT * FROM qls WHERE id = ?", "Number of parameters in request and statement don't match."),
    ("SELECT *, id FROM qls", "Other attributes should not be present in the projection when '*' is used."),
    ("SELECT * FROM qls WHERE id = 'a' AND attribute_exists('x')",
     'Operator or function requires a document path; operator or function: attribute_exists'),
    ("SELECT * FROM qls WHERE EXISTS(x)", 'Unrecognized function: exists at 1:25:6'),
    ("SELECT * FROM qls ORDER BY n", 'Must have WHERE clause in the statement when using ORDER BY clause.'),
    ("SELECT * FROM qls WHERE id = 'a' ORDER BY owner", 'Variable reference owner in ORDER BY clause must be part of the primary key'),
    ("UPDATE qls SET a = 1 WHERE id = 'a'", 'Where clause does not contain a mandatory equality on all key attributes'),
    ("UPDATE qls SET s = set_add(s, 'x') WHERE id = 'a' AND n = 1", 'The second argument to SET_ADD must be a value with type SET at 1:28:1'),
    ("UPDATE qls SET s = set_add(s, <<>>) WHERE id = 'a' AND n = 1", 'Empty bags are not supported'),
    ("UPDATE qls.\"by-owner\" SET s = 1 WHERE id = 'a' AND n = 1", 'This operation is not supported on an index'),
    ("DELETE FROM qls WHERE id = 'a' AND n = 1 RETURNING MODIFIED OLD *",
     'Invalid returning clause: RETURNING MODIFIED OLD *. Only RETURNING ALL OLD * is allowed in DELETE statements.'),
    ("EXISTS(SELECT * FROM qls WHERE id = 'a')", 'EXISTS can only be used in ExecuteTransaction write requests.'),
    ("INSERT INTO qls VALUE {'id': 'a', 'n': 1, 's': <<'x', 'x'>>}",
     'One or more parameter values were invalid: Input collection [x, x] contains duplicates.'),
])
def test_what_is_refused(run, statement, message):
    assert invalid(run, statement) == message


def test_batches(ddb, table):
    def batch(*statements):
        return ddb.batch_execute_statement(Statements=[{'Statement': s} for s in statements])['Responses']

    wrote = batch("INSERT INTO qls VALUE {'id': 'batch', 'n': 1}", "INSERT INTO qls VALUE {'id': 'batch', 'n': 1}", 'SLECT', "DELETE FROM nowhere WHERE id = 'x'",
                  "UPDATE qls SET v = 1 WHERE id = 'batch' AND n = 1 RETURNING ALL NEW *")
    assert wrote[0] == {'TableName': 'qls'}
    assert wrote[1] == {'TableName': 'qls', 'Error': {'Code': 'DuplicateItem', 'Message': 'Duplicate primary key exists in table'}}
    assert wrote[2] == {'Error': {'Code': 'ValidationError', 'Message': MALFORMED + 'Expected data manipulation'}}
    assert wrote[3]['Error']['Code'] == 'ResourceNotFound'
    assert wrote[4]['Item'] == {'id': {'S': 'batch'}, 'n': {'N': '1'}, 'v': {'N': '1'}}
    read = batch("SELECT v FROM qls WHERE id = 'batch' AND n = 1", "SELECT * FROM qls WHERE id = 'batch'", "SELECT * FROM qls WHERE id = 'none' AND n = 1")
    assert read[0] == {'TableName': 'qls', 'Item': {'v': {'N': '1'}}} and read[2] == {'TableName': 'qls'}
    assert read[1]['Error']['Message'] == 'Select statements within BatchExecuteStatement must specify the primary key in the where clause.'


def test_transactions(ddb, table):
    def transact(*statements, **more):
        return ddb.execute_transaction(TransactStatements=[{'Statement': s} for s in statements], **more)['Responses']

    made = ["INSERT INTO qls VALUE {'id': 'tx', 'n': 1, 'v': 1}", "INSERT INTO qls VALUE {'id': 'tx', 'n': 2}"]
    assert transact(*made, ClientRequestToken='once') == [{}, {}] == transact(*made, ClientRequestToken='once')
    assert transact("SELECT v FROM qls WHERE id = 'tx' AND n = 1", "SELECT * FROM qls WHERE id = 'tx' AND n = 9") == [{'Item': {'v': {'N': '1'}}}, {}]
    assert transact("EXISTS(SELECT * FROM qls WHERE id = 'tx' AND n = 1 AND v = 1)", "UPDATE qls SET v = 2 WHERE id = 'tx' AND n = 2") == [{}, {}]
    with pytest.raises(ClientError) as e:
        transact("UPDATE qls SET v = 3 WHERE id = 'tx' AND n = 2", made[0], "EXISTS(SELECT * FROM qls WHERE id = 'tx' AND n = 5 AND v = 1)")
    assert [r['Code'] for r in e.value.response['CancellationReasons']] == ['None', 'DuplicateItem', 'ConditionalCheckFailed']
    assert item(ddb, 'tx', 2)['v'] == {'N': '2'}
    assert refused('ValidationException', transact, "SELECT * FROM qls WHERE id = 'tx'") == (
        'Validation failed in TransactStatements[0]: Select statements within ExecuteTransaction must specify the primary key in the where clause.')
    assert refused('ValidationException', transact, made[0], "EXISTS(SELECT * FROM qls WHERE id = 'tx' AND n = 1)") == (
        'Validation failed in TransactStatements[1]: EXISTS() must contain a single item read with additional condition')


def test_who_may(strata, ddb, table):
    iam = strata.client('iam')
    iam.create_user(UserName='qls')
    key = iam.create_access_key(UserName='qls')['AccessKey']
    mine = strata.client('dynamodb', key=key['AccessKeyId'], secret=key['SecretAccessKey'])

    def allow(*statements):
        iam.put_user_policy(UserName='qls', PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': statements}))

    select, insert = "SELECT * FROM qls WHERE id = 'me'", "INSERT INTO qls VALUE {'id': 'me', 'n': 1}"
    arn = 'arn:aws:dynamodb:*:*:table/qls'
    allow({'Effect': 'Allow', 'Action': 'dynamodb:PartiQLInsert', 'Resource': arn})
    mine.execute_statement(Statement=insert)
    assert 'dynamodb:PartiQLSelect' in refused('AccessDeniedException', mine.execute_statement, Statement=select)
    allow({'Effect': 'Allow', 'Action': 'dynamodb:PartiQL*', 'Resource': arn},
          {'Effect': 'Deny', 'Action': 'dynamodb:PartiQLSelect', 'Resource': '*', 'Condition': {'Bool': {'dynamodb:FullTableScan': ['true']}}})
    assert len(mine.execute_statement(Statement=select)['Items']) == 1
    refused('AccessDeniedException', mine.execute_statement, Statement='SELECT * FROM qls')
    refused('AccessDeniedException', mine.execute_statement, Statement="SELECT * FROM qls.\"by-owner\" WHERE owner = 'me'")
    allow({'Effect': 'Allow', 'Action': 'dynamodb:PartiQL*', 'Resource': arn, 'Condition': {'ForAllValues:StringEquals': {'dynamodb:LeadingKeys': ['me']}}})
    mine.execute_statement(Statement="UPDATE qls SET a = 1 WHERE id = 'me' AND n = 1")
    refused('AccessDeniedException', mine.execute_statement, Statement="UPDATE qls SET a = 1 WHERE id = 'you' AND n = 1")


def test_statements_too_large_to_plan_are_refused_before(ddb, run):
    names = ', '.join(f'a{i}' for i in range(1000))
    assert 'size' in invalid(run, f'SELECT {names} FROM qls')
    assert 'Incorrect number of operands' in invalid(run, f"SELECT * FROM qls WHERE id IN [{', '.join(['?'] * 102)}]", *[{'S': 'x'}] * 102)
    assert 'RETURNING' in refused('ValidationException', ddb.execute_transaction, TransactStatements=[
        {'Statement': "DELETE FROM qls WHERE id = 'x' AND n = 1 RETURNING ALL OLD *"}])
