import '../native/here.cjs'
import '../tensor/extensions.ts'

export {
  type AttributeOptions,
  type Attribution,
  type AttributionBaselines,
  type AttributionMethod,
  type AttributionMethodOptions,
  attribute,
  attributeSync,
  type ExplainableModel,
} from './attribute.ts'
export type { AttributionTarget } from './explained-value.ts'
export { type GateTrace, type ModelInputs, traceGates, traceGatesSync } from './gates.ts'
export { type GradientFlow, gradientFlow, gradientFlowSync, type Model } from './gradient-flow.ts'
export {
  type NumberedData,
  type PermutationImportance,
  type PermutationImportanceOptions,
  permutationImportance,
} from './permutation-importance.ts'
export type { Place } from './run.ts'
export { type SummaryOptions, summary } from './summary.ts'
