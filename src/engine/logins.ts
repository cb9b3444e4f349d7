import { ShaleError } from '../base/index.ts';
import { checkLogin, type CredentialStore } from '../registry/index.ts';
import type { EngineContext } from './context.ts';
import type { LoginRequest, LoginResult, Watch } from './types.ts';

/**
 * Shows credentials to a registry, and keeps them when they are accepted. Without any in the request those that are kept
 * are tried. @throws REGISTRY_AUTH, CREDENTIALS_UNAVAILABLE
 */
export async function login(context: EngineContext, request: LoginRequest, watch: Watch): Promise<LoginResult> {
  const store = credentialsOf(context);
  const { registry, login: given } = request;
  if (given === undefined) {
    const kept = await store.find(registry);
    if (kept === undefined)
      throw new ShaleError('REGISTRY_AUTH', `there are no credentials of ${registry} to try`, {
        hint: `shale login -u USER ${registry}`,
      });
    await checkLogin(registry, context.registry(watch.signal));
    return { registry, ...(kept.kind === 'password' && { username: kept.username }), kept: store.place(registry) };
  }
  const credential = { kind: 'password', ...given } as const;
  await checkLogin(registry, { ...context.registry(watch.signal), credentials: { find: async () => credential } });
  await store.save(registry, given);
  return { registry, username: given.username, kept: store.place(registry) };
}

/** Forgets the credentials of a registry; false when there were none. @throws CREDENTIALS_UNAVAILABLE */
export async function logout(context: EngineContext, registry: string): Promise<boolean> {
  return await credentialsOf(context).erase(registry);
}

function credentialsOf({ credentials }: EngineContext): CredentialStore {
  if (credentials !== undefined) return credentials;
  throw new ShaleError('CREDENTIALS_UNAVAILABLE', 'there is no place for credentials', {
    hint: 'set HOME or DOCKER_CONFIG',
  });
}
