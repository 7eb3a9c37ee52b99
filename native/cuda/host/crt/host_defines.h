#pragma once
// The part of this header that CUDA's other headers need if only a host compiler reads them. PyTorch's wheels contain
// the other headers, but this one comes with nvcc. Used only if it is missing: see ../headers.cmake.
#define CUDARTAPI
#define CUDARTAPI_CDECL
#define __cdecl
#define __align__(n) __attribute__((aligned(n)))
#define __builtin_align__(n) __align__(n)
#define __location__(a)
#define __specialization_static
#define __host__
#define __device__
#define __global__
#define __shared__
#define __constant__
#define __managed__
#define __grid_constant__
#define __nv_pure__
#define __device_builtin__
#define __device_builtin_texture_type__
#define __device_builtin_surface_type__
#define __cudart_builtin__
#define __forceinline__ __inline__ __attribute__((always_inline))
