import '../native/here.cjs'
import '../tensor/extensions.ts'

export { GRUModel } from './gru.ts'
export { LSTMModel } from './lstm.ts'
export { RecurrentModel } from './model.ts'
export { RNNModel } from './rnn.ts'
export { SequenceModel } from './sequence.ts'
