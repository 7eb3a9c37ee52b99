#include "recurrent/vector_avx512.h"
//
#include "recurrent/kernels_template.h"

namespace rnn::recurrent {

constinit const Kernels kAvx512Kernels = make_kernels("avx512");

}  // namespace rnn::recurrent
