export { BackendError } from './backend-error.js';
export { BackendProvider, type BackendProviderProps } from './backend-provider.js';
export type { BackendUser } from './backend-user.js';
export type { ChatMessage } from './chat-message.js';
export type { RateBudget } from './rate-budgets.js';
export { useBackendUser, type UseBackendUser } from './use-backend-user.js';
export { useOceanChat, type UseOceanChat } from './use-ocean-chat.js';
