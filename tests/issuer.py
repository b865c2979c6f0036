"""An identity provider on loopback, for tests of what takes its tokens."""

import base64
import http.server
import json
import pathlib
import ssl
import subprocess
import threading
import time

AUDIENCE = 'sts.amazonaws.com'


def part(data):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip('=')


def openssl(*arguments, data=None):
    return subprocess.run(['openssl', *map(str, arguments)], input=data, capture_output=True, check=True).stdout


class Issuer:
    """An identity provider on loopback: a certificate of its own, one RSA key, the two documents."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.certificate, tls_key = self.dir / 'tls.pem', self.dir / 'tls.key'
        openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost',
                '-addext', 'subjectAltName=DNS:localhost', '-keyout', tls_key, '-out', self.certificate)
        self.fetched = []
        self.keys = {}
        self.add_key('first')
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.fetched.append(self.path)
                documents = {'/.well-known/openid-configuration': {'issuer': f'https://{issuer.host}', 'jwks_uri': f'https://{issuer.host}/keys'},
                             '/keys': {'keys': [issuer.jwk(kid) for kid in issuer.keys]}}
                body = json.dumps(documents.get(self.path, {})).encode()
                self.send_response(200 if self.path in documents else 404)
                self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, tls_key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.host = f'localhost:{self.server.server_port}'
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def add_key(self, kid):
        path = self.dir / f'{kid}.key'
        openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', path)
        self.keys[kid] = path

    def jwk(self, kid):
        modulus = openssl('rsa', '-in', self.keys[kid], '-noout', '-modulus').decode().strip().split('=')[1]
        return {'kty': 'RSA', 'kid': kid, 'alg': 'RS256', 'use': 'sig', 'n': part(bytes.fromhex(modulus)), 'e': 'AQAB'}

    def thumbprint(self):
        return openssl('x509', '-in', self.certificate, '-noout', '-fingerprint', '-sha1').decode().strip().split('=')[1].replace(':', '').lower()

    def claims(self, **more):
        now = int(time.time())
        claims = {'iss': f'https://{self.host}', 'sub': 'repo:org/name:ref:refs/heads/main', 'aud': AUDIENCE, 'iat': now, 'exp': now + 300, **more}
        return {k: v for k, v in claims.items() if v is not None}

    def token(self, kid='first', header=None, key=None, **claims):
        text = f'{part(header or {"alg": "RS256", "kid": kid})}.{part(self.claims(**claims))}'
        return f'{text}.{part(openssl("dgst", "-sha256", "-sign", key or self.keys[kid], data=text.encode()))}'
