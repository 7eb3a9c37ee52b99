#pragma once
// See host_defines.h. A host compiler needs nothing from this header.
