"""Runs the claims of an adversarial test one after the other on one server, and says of each whether it held."""

import sys
import time
import traceback


def held(claims, stand, end_of_log, after=None):
    """Each claim is a function of the stand; `after(stand)` must still hold behind each. Leaves at once when the server is gone.
    True when all held. The command line may name those to run."""
    only, failed = sys.argv[3:], 0
    for claim in claims:
        if only and claim.__name__ not in only:
            continue
        begun = time.time()
        try:
            claim(stand)
            if after:
                after(stand)
            stand.settled()
            print(f"ok     {claim.__name__} ({time.time() - begun:.1f} s)", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED {claim.__name__}\n{traceback.format_exc()}", flush=True)
        if stand.server.poll() is not None:
            print(f"the server is gone: {stand.server.returncode}\n{end_of_log()}")
            sys.exit(1)
    return failed == 0
