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

// A client that is told when its users sign out here.
if (process.env.SIGN_OUT_URI) {
  clients.push({
    client_id: 'told',
    client_secret: 'a secret of the client that is told',
    token_endpoint_auth_method: 'client_secret_post',
    redirect_uris: ['http://127.0.0.1/told/callback'],
    backchannel_logout_uri: process.env.SIGN_OUT_URI,
    backchannel_logout_session_required: true,
  });
}

// Whoever enters an address is known by it, in the claim sub too.
const emailOf = (id) => (id.includes('@') ? id : `${id}@example.org`);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: clients.filter((client) => client.client_id !== 'key' || client.jwks.keys.length > 0),
  clientAuthMethods: ['client_secret_post', 'private_key_jwt', 'none'],
  pkce: { required: () => true },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: emailOf(id), email_verified: true }) }),
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  conformIdTokenClaims: false,
  cookies: { keys: ['one key of the test'] },
  features: { rpInitiatedLogout: { enabled: true }, backchannelLogout: { enabled: true } },
  httpOptions: () => ({ signal: AbortSignal.timeout(20000) }), // the gateway may share a busy machine
});

const withoutPort = (uri) => uri.replace(/^http:\/\/127\.0\.0\.1:\d+\//, 'http://127.0.0.1/');
provider.Client.prototype.redirectUriAllowed = function allowed(uri) { return this.redirectUris.includes(withoutPort(uri)); };
provider.Client.prototype.postLogoutRedirectUriAllowed = function allowed(uri) { return this.postLogoutRedirectUris.includes(withoutPort(uri)); };

// The provider's logout tokens name users by the claim sub alone. Where that is no address, the claim email is added.
const { payload } = provider.IdToken.prototype;
provider.IdToken.prototype.payload = async function withAddress() {
  const claims = await payload.call(this);
  return claims.events && !claims.sub.includes('@') ? { ...claims, email: emailOf(claims.sub) } : claims;
};

provider.on('backchannel.error', (_, error) => console.log(error));

provider.listen(port, '127.0.0.1');
