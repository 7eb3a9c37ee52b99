#include "recurrent/vector_avx2.h"
//
#include "recurrent/kernels_template.h"

namespace rnn::recurrent {

constinit const Kernels kAvx2Kernels = make_kernels("avx2");

}  // namespace rnn::recurrent
