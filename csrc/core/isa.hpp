// Which instruction set the hot loops run on: chosen once at run time, among those compiled and those of this machine.
//
// Files named *_isa.cpp are compiled once for each set and hold a table of their functions each; who calls them
// takes the table that MOVIEEMBED_FOR_ISA(name) picks.
#pragma once

#include <string>
#include <vector>

namespace movieembed {

// The sets that run here, best first ("avx512", "avx2", "baseline"), the one in use, at first the best, and a way
// to choose another, for tests and comparisons; false if there is no such.
std::vector<std::string> gather_isas();
std::string gather_isa();
bool use_gather_isa(const std::string& name);

enum class Isa { baseline, avx2, avx512 };
Isa isa_in_use();

// The table of the set in use. Those of sets that were not compiled do not exist.
#ifdef MOVIEEMBED_HAVE_X86_VARIANTS
#define MOVIEEMBED_FOR_ISA(table) \
    (isa_in_use() == Isa::avx512 ? table##_avx512 : isa_in_use() == Isa::avx2 ? table##_avx2 : table##_baseline)
#else
#define MOVIEEMBED_FOR_ISA(table) table##_baseline
#endif

}  // namespace movieembed
