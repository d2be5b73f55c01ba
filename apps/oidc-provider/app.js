// An OpenID provider with its own pages: whoever enters a name is that user. Its clients are sent back to any port of this
// machine, since a test chooses the gateway's port later.
import Provider from 'oidc-provider';

const port = Number(process.argv[2]);
const clients = ['post', 'public', 'key'].map((name) => ({
  client_id: name,
  redirect_uris: [`http://127.0.0.1/${name}/callback`],
  post_logout_redirect_uris: ['http://127.0.0.1/bye'],
  ...(name === 'post' && { client_secret: 'secret & more: +%', token_endpoint_auth_method: 'client_secret_post' }),
  ...(name === 'public' && { token_endpoint_auth_method: 'none' }),
  ...(name === 'key' && { token_endpoint_auth_method: 'private_key_jwt', jwks: JSON.parse(process.env.CLIENT_KEYS || '{"keys":[]}') }),
}));

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: clients.filter((client) => client.client_id !== 'key' || client.jwks.keys.length > 0),
  clientAuthMethods: ['client_secret_post', 'private_key_jwt', 'none'],
  pkce: { required: () => true },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.org`, email_verified: true }) }),
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  conformIdTokenClaims: false,
  cookies: { keys: ['one key of the test'] },
  features: { rpInitiatedLogout: { enabled: true } },
});

const withoutPort = (uri) => uri.replace(/^http:\/\/127\.0\.0\.1:\d+\//, 'http://127.0.0.1/');
provider.Client.prototype.redirectUriAllowed = function allowed(uri) { return this.redirectUris.includes(withoutPort(uri)); };
provider.Client.prototype.postLogoutRedirectUriAllowed = function allowed(uri) { return this.postLogoutRedirectUris.includes(withoutPort(uri)); };

provider.listen(port, '127.0.0.1');
