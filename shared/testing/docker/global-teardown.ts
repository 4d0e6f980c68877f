/** Jest's: ends what global-setup.ts started. */
export { tearDown as default } from './global-setup';
