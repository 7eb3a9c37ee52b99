export { type AutocastDevice, type AutocastOptions, autocast, getAutocastDtype, isAutocastEnabled } from './autocast.ts'
