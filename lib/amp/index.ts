export { type AutocastOptions, autocast, getAutocastDtype, isAutocastEnabled } from './autocast.ts'
export { GradScaler, type GradScalerOptions, type GradScalerState, type Stepping } from './grad-scaler.ts'
