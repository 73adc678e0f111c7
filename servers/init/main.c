/* SPDX-License-Identifier: BSD-2-Clause
 * init - the device manager. STUB: says that it runs and waits; the real one replaces it.
 */
#include <cambium/start.h>
#include <cambium/sys.h>

int main(void)
{
    static const char hello[] = "[init] stub: started, waiting\n";
    handle_t port = 0;
    struct msg m = { 0 };

    sys_log_write(start_handle("chosen"), LOG_INFO, hello, sizeof(hello) - 1);
    if (sys_port_create(&port)) {
        return 1;
    }
    for (;;) {
        if (sys_receive(port, &m, (uint64_t)DEADLINE_NEVER) < 0) {
            sys_yield();
        }
    }
}
