// A real OpenID Connect provider. Arguments: folder of node_modules, port, address of the service.
import { pathToFileURL } from 'node:url';

const [modules, port, service] = process.argv.slice(2);
const { Provider } = await import(
  pathToFileURL(`${modules}/node_modules/oidc-provider/lib/index.js`).href
);
const issuer = `http://127.0.0.1:${port}`;
const place = `${service}/api/v1/login/oidc/company`;
const people = {
  ann: { email: 'Ann@Example.org', email_verified: true, name: 'Ann Example', groups: ['ops'] },
  bob: { email: 'bob@example.org', email_verified: false, name: 'Bob', groups: ['others'] },
  eve: { email: 'local@example.org', email_verified: false, name: 'Eve', groups: [] },
  joe: { email: 'local@example.org', email_verified: true, name: 'Joe', groups: [] },
};
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'head:water',
      client_secret: 'a secret/with+signs%',
      redirect_uris: [`${place}/callback`],
      backchannel_logout_uri: `${place}/logout`,
      backchannel_logout_session_required: true,
    },
  ],
  pkce: { required: () => true },
  scopes: ['openid', 'email', 'profile', 'groups'],
  claims: {
    openid: ['sub', 'sid'],
    email: ['email', 'email_verified'],
    profile: ['name'],
    groups: ['groups'],
  },
  conformIdTokenClaims: process.env.CONFORM === 'yes',
  features: {
    devInteractions: { enabled: true },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  // Its own rules about addresses would refuse a service on loopback.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  cookies: { keys: ['of tests'] },
  findAccount: (_, id) =>
    people[id] && { accountId: id, claims: async () => ({ sub: id, ...people[id] }) },
});
provider.on('server_error', (_, error) => console.error(error));
provider.on('backchannel.error', (_, error) => console.error(error));
provider.listen(+port, '127.0.0.1', () => console.log('listening'));
