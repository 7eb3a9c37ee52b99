export { type AutocastOptions, autocast, getAutocastDtype, isAutocastEnabled } from './autocast.ts'
export { GradScaler, type GradScalerOptions, type GradScalerState } from './grad-scaler.ts'
