#include "recurrent/vector_portable.h"
//
#include "recurrent/kernels_template.h"

namespace rnn::recurrent {

constinit const Kernels kPortableKernels = make_kernels("portable");

}  // namespace rnn::recurrent
