#include <cuda_runtime_api.h>
#include <napi.h>
#include <torch/version.h>

#include "cuda/graph.h"
#include "runtime/cuda.h"

// Declared here because its header includes those of cuBLAS, cuSPARSE and cuSOLVER, which not every installation has.
namespace at::cuda {
TORCH_CUDA_CPP_API cudaDeviceProp* getDeviceProperties(c10::DeviceIndex device);
}  // namespace at::cuda

namespace rnn::cuda {
namespace {

class Library final : public runtime::CudaLibrary {
 public:
  runtime::CudaProperties properties(c10::DeviceIndex device) const override {
    const cudaDeviceProp& properties = *at::cuda::getDeviceProperties(device);
    return {.name = properties.name,
            .major = properties.major,
            .minor = properties.minor,
            .total_memory = static_cast<int64_t>(properties.totalGlobalMem),
            .multi_processors = properties.multiProcessorCount};
  }

  std::unique_ptr<runtime::CudaGraph> graph(const runtime::CudaGraph* shared) const override {
    return std::make_unique<Graph>(shared);
  }
};

// { torchVersion, cudaVersion, library }: the versions that it was compiled with, and the function table for the main
// addon
Napi::Object init(Napi::Env env, Napi::Object exports) {
  static Library library;
  exports.Set("torchVersion", TORCH_VERSION);
  exports.Set("cudaVersion", CUDART_VERSION);
  auto table = Napi::External<runtime::CudaLibrary>::New(env, &library);
  table.TypeTag(&runtime::kCudaLibraryTag);
  exports.Set("library", table);
  return exports;
}

}  // namespace

NODE_API_MODULE(libtorch_rnn_cuda, init)

}  // namespace rnn::cuda
