#include "cuda/graph.h"

#include <ATen/Context.h>
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <c10/cuda/CUDAFunctions.h>
#include <torch/version.h>

#include <mutex>

// Its header asks for those of cuBLAS, cuSPARSE and cuSOLVER, which not every installation has.
namespace at::cuda {
TORCH_CUDA_CPP_API void clearCublasWorkspaces();
}  // namespace at::cuda

namespace rnn::cuda {

Graph::Graph(const runtime::CudaGraph* shared)
    : pool_(shared == nullptr ? at::cuda::graph_pool_handle() : shared->pool()) {}

void Graph::begin() {
  device_ = c10::cuda::current_device();
  try {
    // cuBLAS keeps memory to work in for each stream: what it took during one capture goes with that graph, and must
    // not be used by the next.
    at::cuda::clearCublasWorkspaces();
    // Thread-local: what other threads do meanwhile, such as making room in memory, does not spoil the capture.
    graph_.capture_begin(pool_, cudaStreamCaptureModeThreadLocal);
  } catch (...) {
    clean_up(false);
    throw;
  }
}

void Graph::end() {
  try {
    graph_.capture_end();
    at::cuda::clearCublasWorkspaces();
  } catch (...) {
    clean_up(true);
    throw;
  }
}

#if TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR < 14

void Graph::CaptureGraph::release_generators(c10::DeviceIndex device) {
  at::Generator generator = at::globalContext().defaultGenerator({at::kCUDA, device});
  const std::lock_guard lock(generator.mutex());
  // From 2.13 on a generator keeps its state by capture, and has no such flag.
  const auto release = [](auto& states) {
    for (auto& [state, increment] : states) {
      if constexpr (requires { state->capturing_; }) state->capturing_ = false;
    }
  };
  release(captured_generator_states_);
}

namespace {

template <typename Work>
bool succeeds(Work work) {
  try {
    work();
    return true;
  } catch (const c10::Error&) {
    return false;
  }
}

// Not every version has pools of pinned memory.
template <typename Allocator>
void clean_up_host(Allocator* allocator, runtime::CudaGraph::Pool pool, bool acquired) {
  if constexpr (requires { allocator->end_allocate_to_pool(pool); }) {
    const bool ended = succeeds([&] { allocator->end_allocate_to_pool(pool); });
    if (ended || acquired) succeeds([&] { allocator->release_pool(pool); });
  }
}

}  // namespace

// The allocators would go on to ask the graph, which may be gone, whether a stream is its own.
void Graph::clean_up(bool acquired) {
  succeeds([&] { graph_.release_generators(device_); });
  // The graph has got as far as to clean up after itself: twice would be once too often.
  if (succeeds([&] { graph_.pool(); })) return;
  namespace allocator = c10::cuda::CUDACachingAllocator;
  // Some versions have done this by themselves.
  const bool ended = succeeds([&] { allocator::endAllocateToPool(device_, pool_); });
  if (ended || acquired) succeeds([&] { allocator::releasePool(device_, pool_); });
  clean_up_host(at::getHostAllocator(at::kCUDA), pool_, acquired);
}

#else

// LibTorch does it.
void Graph::clean_up(bool) {}
void Graph::CaptureGraph::release_generators(c10::DeviceIndex) {}

#endif

}  // namespace rnn::cuda
