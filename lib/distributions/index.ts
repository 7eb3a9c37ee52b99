// `torch.distributions`.
import '../native/here.cjs'
import '../tensor/extensions.ts'

export { Bernoulli, type BernoulliOptions } from './bernoulli.ts'
export { Categorical, type CategoricalOptions } from './categorical.ts'
export { type Constraint, Distribution, type DistributionOptions } from './distribution.ts'
export { klDivergence } from './kl.ts'
export { Normal } from './normal.ts'
