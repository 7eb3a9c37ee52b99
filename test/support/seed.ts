// The property tests try the same cases each time, and others under `npm run fuzz`, which gives them fresh seeds.
import fc from 'fast-check'

fc.configureGlobal({ seed: Number(process.env.LIBTORCH_RNN_FUZZ_SEED ?? 7) })
