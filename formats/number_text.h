// Numbers as the server writes them. Internal to formats/.
#pragma once

#include <string_view>

namespace osarchiver {

// Length of the number at the start of `text` (-digits.digits e+-digits, fraction and exponent
// optional, digits before or behind the point); 0 when there is none.
std::size_t NumberSize(std::string_view text);

}  // namespace osarchiver
