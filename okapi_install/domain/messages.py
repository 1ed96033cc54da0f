"""Our own messages to operators; Okapi's are in `okapi_messages`, and those about an
Okapi beside this service in `recording_messages`.

A message that is used in more than one place, or by more than one reader, is here under one name.
"""

from __future__ import annotations

from collections.abc import Sequence


def starts_no_modules(module: str) -> str:
    """A client wants a module to be deployed."""
    return f"okapi-install starts no modules: start {module} by other means, and POST its url to /_/discovery/modules"


def node_names_not_kept(node: str) -> str:
    """A client sends a name for a node."""
    return f"okapi-install keeps no name for node {node}: leave nodeName out"


def runs_no_timers(timer: str) -> str:
    """A client changes a timer."""
    return f"okapi-install runs no timers, and so cannot change timer {timer}"


def id_too_long(most_bytes: int) -> str:
    """An id is too long for an index of the database."""
    return f"An id must not be longer than {most_bytes} bytes"


def tenant_id_cannot_be_kept(most: int) -> str:
    """A tenant's id has characters that would end a path or a header."""
    return (
        f"This tenant's id cannot be kept: it may have printable ASCII characters, without space and /, {most} at most"
    )


def unknown_state(name: str, known: Sequence[str]) -> str:
    """A filter names a state that jobs do not have."""
    return f"Jobs have no state {name}; known are {', '.join(known)}"


def not_from_this_page() -> str:
    """A form was sent by a page of another origin."""
    return "The request was not made by a page of this server, so nothing was changed. Open the page and try again"


def unknown_host(host: str | None) -> str:
    """A request has an unknown name of this server in its Host header."""
    return (
        f"This server is not asked by the name {host}. If that is one of its names, add it to the setting "
        "allowed_hosts, or set an api_key"
    )


def foreign_origin() -> str:
    """A page of another origin tries to change something."""
    return (
        "A page of another origin may change nothing here without an API key. "
        "If it is to, add its origin to the setting allowed_origins, or set an api_key"
    )


def no_api_key() -> str:
    """A request comes without a key, and the server requires one."""
    return "An API key is needed: send it as X-Okapi-Token or Authorization: Bearer"


def too_many_wrong_keys() -> str:
    """A client sends too many wrong keys."""
    return "Too many wrong API keys came from this address. Try again in some seconds"


def too_many_waiting(most: int) -> str:
    """Too many requests wait for jobs."""
    return f"{most} requests wait for jobs already, as many as may: api_waiting. Ask again later, or use async=true"


def too_many_large_bodies(most: int) -> str:
    """Too many large responses are being sent."""
    return f"{most} large bodies are being sent already, as many as may. Ask again later"


def no_such_page() -> str:
    """A browser requests an unknown page."""
    return "There is no such page, job or tenant. A job may have been removed since"


def nested_too_deeply() -> str:
    """A descriptor of another registry."""
    return "It is nested too deeply"


def holds_nul() -> str:
    """A descriptor of another registry."""
    return "It holds the character NUL (\\u0000), which cannot be kept"


def left_out_of_pull() -> str:
    """A descriptor was left out of a pull, and the reason is no longer known."""
    return "It was left out when the modules were added; pull again"


def host_not_listed(host: str) -> str:
    """The setting outgoing_hosts forbids a connection."""
    return f"okapi-install may not connect to {host}: the setting outgoing_hosts does not list it"


def connects_to_itself(host: str) -> str:
    """A client gives an address of this server as that of another one."""
    return f"okapi-install does not connect to itself: {host}"


def address_forbidden(host: str) -> str:
    """A client gives an address that this server never connects to."""
    return f"okapi-install does not connect to {host}: it is a link-local, multicast or metadata address, or none"


def pull_refused(registry: str, status: int) -> str:
    """Another registry does not return a list of modules."""
    return f"pull: {registry} answered with status {status}"


def own_callback() -> str:
    """A callback is received by the server that sent it."""
    return "This is a callback of okapi-install to okapi-install itself: give the callback another address"


def no_callback_urls() -> str:
    """A request names a callback, and the settings allow none."""
    return "This server takes no callback URLs with a request: leave X-Okapi-Install-Callback out"


def tenant_queue_full(tenant: str, most: int) -> str:
    """A tenant has too many queued jobs."""
    return f"Tenant {tenant} has {most} jobs waiting already"


def idempotency_key_reused(key: str) -> str:
    """An Idempotency-Key is used for two different requests."""
    return f"Idempotency-Key {key} was used before with another request"


def job_still_running(tenant: str, job: str) -> str:
    """A synchronous request has reached its time limit."""
    return f"The job has not ended yet and goes on: GET /_/proxy/tenants/{tenant}/install/{job}"


def sync_job_aborted(job: str) -> str:
    """The job of a synchronous request was aborted."""
    return f"Install job {job} was aborted"


def cannot_run_again(job: str, status: str) -> str:
    """The store refuses a retry."""
    return f"Job {job} cannot run again: it is {status}"


def only_errors_are_retried(job: str, status: str) -> str:
    """A client retries a job that has not failed."""
    return f"Only a job that ended as an error can be retried; job {job} is {status}"


def nothing_to_retry(job: str) -> str:
    """A client retries a job whose steps are all done."""
    return f"All steps of job {job} are done; there is nothing to retry"


def job_aborted() -> str:
    """The end of a job that was aborted."""
    return "The job was aborted"


def step_aborted() -> str:
    """The end of a step that was running when its job was aborted."""
    return "aborted"


def job_revoked() -> str:
    """The end of a job whose task was revoked."""
    return "The job's task was revoked from outside, with Flower or Celery's remote control"


def outlived_workers(takeovers: int) -> str:
    """The end of a job that may be what kills workers."""
    return (
        f"The job was taken over {takeovers} times without any step having ended: the workers that ran it died or "
        "stopped responding. Look into their logs before you retry it. Its modules were not told to stop"
    )


def waits_for_earlier_job() -> str:
    """A worker gets the message about a job too early."""
    return "waits: an earlier job of the tenant is not complete"


def worker_stops() -> str:
    """A worker gets a message while it stops."""
    return "the worker stops; another one continues the job"


def some_modules_failed(failed: int, skipped: int, total: int) -> str:
    """The end of a job that ignored errors."""
    because = f", {skipped} were skipped because of {'it' if failed == 1 else 'these'}" if skipped else ""
    return f"{failed} of {total} modules failed{because}; the others went on, as ignoreErrors asks for"


def retried_in_part(skipped: int, left: int) -> str:
    """The end of a job of which a client retried only some modules."""
    parts = [f"{skipped} skipped"] if skipped else []
    parts += [f"{left} not run"] if left else []
    return f"All modules that were retried are done; {' and '.join(parts)}, as the client chose"


def earlier_step_failed() -> str:
    """The end of a job whose step failed before this worker claimed it."""
    return "a step of an earlier run failed"


def internal_error(kind: str, words: str) -> str:
    """The end of a job in which the worker's own code failed."""
    return f"Internal error: {kind}: {words}"


def module_called_again() -> str:
    """A worker was lost during a call of a module."""
    return "the module was called again, because a worker was lost while it was being called"


def unfinished_work(module: str) -> str:
    """A module of the job was interrupted by the abort of an earlier job."""
    return f"A job of this tenant was aborted while module {module} was running. The module may still be working on it"


def required_module_failed(module: str) -> str:
    """A step is skipped because of a failed one."""
    return f"Skipped: requires {module}, which failed"


def needs_gateway() -> str:
    """A module calls other modules when it is initialised, and no gateway forwards those calls."""
    return "When initialised, it calls other modules through X-Okapi-Url, which is not a gateway: set okapi_url"


def modules_need_gateway(modules: str) -> str:
    """The same for all such modules of a job."""
    return (
        f"These modules call others through X-Okapi-Url when they are initialised: {modules}. X-Okapi-Url is "
        "okapi-install itself, which is not a gateway, so such calls get 404. Set okapi_url to the address of a "
        "gateway that routes to the tenant's modules"
    )


def tried_for(attempts: int, seconds: float) -> str:
    """A module did not start in time."""
    return (
        f"tried {attempts} times in {seconds:.0f} s. If the module takes longer to start, raise connect_retry_seconds"
    )


def unsendable_header(name: str) -> str:
    """An auth filter returns a value that cannot be sent in a header."""
    return f"a value for {name} that no header can carry"


def bad_instance_address(address: str) -> str:
    """An instance is registered with an unusable address."""
    return (
        f"the address {address} of an instance: it must be http://HOST:PORT or https://HOST:PORT, a path may follow; "
        "printable ASCII without ? # \\. Register the instance again with such a url"
    )


def bad_path(path: str) -> str:
    """A path in a descriptor leads away from the instance."""
    return (
        f"the path {path} of its descriptor: it must begin with / and have printable ASCII without ? # \\ and the "
        "segments . and .. , or the call would leave the module's instance. Post a descriptor with such a path"
    )


def location_without_object() -> str:
    """A module's POST announces a tenant job without returning it."""
    return "a Location, but a body that is no JSON object"


def bad_tenant_job_id(most: int) -> str:
    """The id of a tenant job cannot be part of a path."""
    return (
        f"a tenant job whose id cannot be part of a path: it must be 1 to {most} printable characters without a step .."
    )


def not_a_tenant_job(body: str) -> str:
    """The response to a poll is not a tenant job."""
    return f"a body that is no tenant job: {body}"


def module_reports_error() -> str:
    """A tenant job has failed without a message."""
    return "the module reports an error"


def tenant_job_not_deleted(why: str) -> str:
    """A finished tenant job could not be deleted."""
    return f"the finished tenant job could not be deleted: {why}"


def tenant_job_too_long(seconds: float) -> str:
    """The setting step_timeout ends a step."""
    return f"the tenant job did not end within {seconds:g} s"


def longer_than_ever(seconds: float, longest: float, runs: int) -> str:
    """A step takes longer than its module ever did."""
    return (
        f"The module has been at it for {seconds:.0f} s; it never took longer than {longest:.0f} s, in {runs} runs "
        "over all tenants. If its log shows that it does nothing, abort the job and retry it"
    )


def long_without_comparison(seconds: float) -> str:
    """A step takes long, and there are no earlier runs to compare with."""
    return (
        f"The module has been at it for {seconds:.0f} s, and no earlier run of it is known. "
        "If its log shows that it does nothing, abort the job and retry it"
    )


def tenant_job_probably_lost(seconds: float) -> str:
    """A tenant job has not changed since its module failed to respond."""
    return (
        "The module has probably lost its tenant job: it did not answer for a while, and since then the job has not "
        f"changed for {seconds:.0f} s, which is longer than this module ever took. If its log shows that it does "
        "nothing, abort the job and retry it; the setting lost_job_timeout ends such a step"
    )


def waits_for_turn(module_id: str, most: int) -> str:
    """Other jobs call the module, as many as may."""
    calls = "1 call of it is" if most == 1 else f"{most} calls of it are"
    return f"Waits for its turn at {module_id}: {calls} allowed at once"


def lost_tenant_job_ended(seconds: float) -> str:
    """The setting lost_job_timeout ends a step."""
    return (
        f"its tenant job has probably been lost: it has not changed for {seconds:.0f} s after the module did not "
        "answer (lost_job_timeout)"
    )


def tenant_job_last_seen(seconds: float) -> str:
    """When a tenant job that cannot be polled any more was last seen."""
    return f"the tenant job was running when last seen, {seconds:.0f} s ago"


def tenant_job_never_seen(seconds: float) -> str:
    """The same for a tenant job that no poll has found."""
    return f"the tenant job has not been seen in the {seconds:.0f} s since the first poll"


def more_left_out(number: int) -> str:
    """A module sends more errors or warnings than are stored."""
    return f"{number} more were left out"


def store_unavailable(why: str) -> str:
    """The database does not respond."""
    return f"The store is not available: {why}"


def store_not_writable(why: str) -> str:
    """The database accepts no writes."""
    return f"The store takes no changes: {why}"


def database_not_migrated() -> str:
    """The program starts before the migration."""
    return "The database has no tables of okapi-install, or those of an older version: run okapi-install migrate"


def database_too_new() -> str:
    """A newer version has migrated the database."""
    return "The database was written by a newer version of okapi-install than this one"


def wrong_encoding(encoding: str | None) -> str:
    """A database with an encoding that cannot store every character."""
    return (
        f"The database has the encoding {encoding}, and needs UTF8. Make one that has it: "
        "CREATE DATABASE okapi_install ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    )


def pooler_splits_transactions() -> str:
    """A connection pooler with an unusable mode."""
    return "The pooler before the database splits transactions (pool_mode = statement): set pool_mode = transaction"


def data_not_writable(folder: object, why: str | None) -> str:
    """The data folder is not writable."""
    return f"The data folder {folder} cannot be written to: {why}"


def data_in_use(folder: object, process: str) -> str:
    """Two servers use the same data folder."""
    return (
        f"The data folder {folder} is in use by another okapi-install serve (process {process}): stop that one, or "
        "name another folder with --data"
    )


def address_in_use(address: str) -> str:
    """The port is taken."""
    return f"Another program listens on {address} already: stop it, or name another address with --listen"


def cannot_listen(address: str, why: object) -> str:
    """This machine does not have the address, or refuses the port."""
    return f"Cannot listen on {address}: {why}. Name another address with --listen"


def broker_does_not_start(why: str) -> str:
    """The embedded broker ends right after its start."""
    return f"The embedded broker (Valkey) does not start: {why}. Set OKAPI_INSTALL_BROKER_URL to use another one"


def auth_filter_does_not_respond(url: str, why: str) -> str:
    """It cannot be found out whether a client has a permission."""
    return f"The auth filter of the supertenant at {url} does not say whether this is permitted: {why}"


def foreign_origin_with_cookie() -> str:
    """A page of another origin tries to change something with the cookie of a user of FOLIO."""
    return (
        "A page of another origin may change nothing here with a cookie. Send the token as X-Okapi-Token, or add the "
        "page's origin to the setting allowed_origins"
    )


def okapi_unavailable(url: str, cause: str) -> str:
    """The Okapi beside this service accepts no connection."""
    return f"The Okapi at {url} is not available ({cause}). Check that it runs, and the setting okapi"


def okapi_broke_off(cause: str) -> str:
    """The Okapi beside this service has not sent a complete response."""
    return (
        f"The Okapi behind this server did not send a complete response: {cause}. The request may have been processed"
    )


def okapi_too_slow() -> str:
    """The Okapi beside this service is silent for too long."""
    return "The Okapi behind this server was silent for longer than okapi_proxy_timeout allows"


def too_many_handed_on(most: int) -> str:
    """Too many requests are being handed on to the Okapi beside this service."""
    return f"This server hands on {most} requests at a time to Okapi (okapi_proxy_connections). Try again in a moment"


def ambiguous_path() -> str:
    """A path can be read in two ways, so that two servers may understand different things."""
    return "This path has a part `.` or `..`, or can be read as another path. Send the path that is meant"


def okapi_is_this_server() -> str:
    """A request that was handed on comes back."""
    return "This request has already passed this server: the setting okapi, or a server behind it, leads back here"


def unreadable_body(cause: Exception) -> str:
    """A body is not framed as HTTP says, or arrives too slowly."""
    return f"The body cannot be read: {cause}"
