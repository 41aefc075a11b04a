// GMime's headers lie in a folder of their own, to which `headers` leads: gmime-3.0.pc asks for compiler flags that SwiftPM refuses.
#include <glib-object.h>
