"""Every sentence that an operator may read, under its Okapi number where Okapi has one.

The numbers and words up to 11999 are those of Okapi 7.0.0; from 20000 on they are our own.
"""

from __future__ import annotations

_TEXTS = {
    10106: "No such Tenant {0}",
    10102: "No suitable module found for path and tenant",
    10104: "Different tokens in Authentication and X-Okapi-Token. Use only one of them",
    10105: "Invalid Token: {0}",
    10200: "Missing dependency: {0} requires {1}: {2}",
    10201: "Incompatible version for module {0} interface {1}. Need {2}. Have {3}",
    10203: "create: module {0} already exists",
    10206: "delete: module {0} is used by tenant {1}",
    10207: "delete: module {0} does not exist",
    10208: "delete: module {0}: {1}",
    10209: "Cannot remove module {0} which is explicitly given",
    10210: "interface {0} required by module {1} is provided by multiple products: {2}",
    10211: "interface {0} required by module {1} not found",
    10212: "Some modules cannot be topological sorted: {0}",
    10213: "Multiple modules {0} provide interface {1}",
    10400: "Duplicate tenant id {0}",
    10401: "Unsupported interface _tenant: {0}",
    10406: "Cannot delete non-completed job {0}",
    10407: "Missing DELETE method for tenant interface version 2 for module {0}",
    10408: "Missing id property in JSON response for module {0}: {1} {2}",
    10409: "Unexpected Location header in response for module {0}: {1} {2}",
    10410: "Tenant operation failed for module {0}: {1}",
    10411: "Install Option parallel can not be greater than 1 when Install Option depCheck is false",
    10701: "Needs srvcId",
    10703: "No LaunchDescriptor",
    10705: "not found: {0}",
    10800: "Needs srvcId",
    10801: "Module {0} not found",
    10802: "Needs instId",
    10803: "missing nodeId",
    10804: "Module {0} has no launchDescriptor",
    10806: "Node {0} not found",
    10807: "Can not change nodeId for node {0}",
    10808: "Can not change the URL for node {0}",
    10809: "Duplicate instId {0}",
    10900: "missing name",
    10901: "missing value",
    11000: "pull: none of remote URLs work",
    11100: "No running instances for module {0}. Can not invoke {1}",
    11101: "{0} request for {1} {2} failed with {3}",
    11601: "Invalid tenant id, may only contain a-z and 0-9 and must match [a-z][a-z0-9]{{0,30}} but it is {0}",
    11602: "The tenant id must not be changed, old='{1}', new='{0}'",
    11603: "Can not delete the superTenant {0}",
    11604: "unknown orderBy field: {0}",
    11605: "invalid order value: {0}",
    11608: "Bad format for parameter {0}. {1}",
    11609: "Tenant id must not contain underscore: {0}",
    11610: "Tenant id must not contain minus: {0}",
    11611: "Tenant id must not exceed 31 characters: {0}",
    11612: "Tenant id must not start with a digit: {0}",
    20100: "okapi-install starts no modules: start {0} by other means, and POST its url to /_/discovery/modules",
    20101: "okapi-install keeps no name for node {0}: leave nodeName out",
    20102: "okapi-install runs no timers, and so cannot change timer {0}",
    20104: "An id must not be longer than {0} bytes",
    20105: "This tenant's id cannot be kept: it may have printable ASCII characters, without space and /, {0} at most",
    20110: "It is nested too deeply",
    20111: "It holds the character NUL (\\u0000), which cannot be kept",
    20112: "It was left out when the modules were added; pull again",
    20120: "okapi-install may not connect to {0}: the setting outgoing_hosts does not list it",
    20121: "okapi-install does not connect to itself: {0}",
    20122: "okapi-install does not connect to {0}: it is a link-local, multicast or metadata address, or none",
    20123: "pull: {0} answered with status {1}",
    20124: "This is a callback of okapi-install to okapi-install itself: give the callback another address",
    20130: "When initialised, it calls other modules through X-Okapi-Url, which is not a gateway: set okapi_url",
    20131: (
        "These modules call others through X-Okapi-Url when they are initialised: {0}. X-Okapi-Url is okapi-install "
        "itself, which is not a gateway, so such calls get 404. Set okapi_url to the address of a gateway that routes "
        "to the tenant's modules"
    ),
    20500: "Tenant {0} has {1} jobs waiting already",
    20501: "Idempotency-Key {0} was used before with another request",
    20502: "Job {0} cannot run again: it is {1}",
    20503: "The job was aborted",
    20504: "aborted",
    20505: "A job was aborted while module {0} was at work for this tenant. The module may not have stopped that work",
    20506: "The database has no tables of okapi-install, or those of an older version: run okapi-install migrate",
    20507: "The database was written by a newer version of okapi-install than this one",
    20530: "tried {0} times in {1} s. If the module takes longer to start, raise connect_retry_seconds",
    20508: (
        "The database has the encoding {0}, and needs UTF8. Make one that has it: "
        "CREATE DATABASE okapi_install ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    ),
    20509: "The pooler before the database splits transactions (pool_mode = statement): set pool_mode = transaction",
    20705: "The job was taken over {0} times without any step having ended: the workers that ran it died or stopped "
    "responding. Look into their logs before you retry it. Its modules were not told to stop",
    20700: "The data folder {0} cannot be written to: {1}",
    20701: "The data folder {0} is in use by another okapi-install serve (process {1}): stop that one, or name another "
    "folder with --data",
    20702: "Another program listens on {0} already: stop it, or name another address with --listen",
    20703: "Cannot listen on {0}: {1}. Name another address with --listen",
    20704: "The embedded broker (Valkey) does not start: {0}. Set OKAPI_INSTALL_BROKER_URL to use another one",
    20540: "the address {0} of an instance: it must be http://HOST:PORT or https://HOST:PORT, a path may follow; "
    "printable ASCII without ? # \\. Register the instance again with such a url",
    20541: "the path {0} of its descriptor: it must begin with / and have printable ASCII without ? # \\ and the "
    "segments . and .. , or the call would leave the module's instance. Post a descriptor with such a path",
    20542: "a tenant job whose id cannot be part of a path: it must be 1 to {0} printable characters without a step ..",
    20531: "The module has been at it for {0} s; it never took longer than {1} s, in {2} runs over all tenants. "
    "If its log shows that it does nothing, abort the job and retry it",
    20532: "The module has been at it for {0} s, and no earlier run of it is known. "
    "If its log shows that it does nothing, abort the job and retry it",
    20533: "The module has probably lost its tenant job: it did not answer for a while, and since then the job has not "
    "changed for {0} s, which is longer than this module ever took. If its log shows that it does nothing, abort the "
    "job and retry it; the setting lost_job_timeout ends such a step",
    20534: "its tenant job has probably been lost: it has not changed for {0} s after the module did not answer "
    "(lost_job_timeout)",
    20535: "the tenant job was running when last seen, {0} s ago",
    20536: "the tenant job has not been seen in the {0} s since it was first asked for",
    20520: "The request was not made by a page of this server, so nothing was changed. Open the page and try again",
    20562: (
        "This server is not asked by the name {0}. If that is one of its names, add it to the setting allowed_hosts, "
        "or set an api_key"
    ),
    20563: (
        "A page of another origin may change nothing here without an API key. "
        "If it is to, add its origin to the setting allowed_origins, or set an api_key"
    ),
    20564: "Too many wrong API keys came from this address. Try again in some seconds",
    20560: "{0} requests wait for jobs already, as many as may: api_waiting. Ask again later, or use async=true",
    20561: "{0} large bodies are being sent already, as many as may. Ask again later",
    20521: "There is no such page, job or tenant. A job may have been removed since",
}


def message(number: int, *args: object) -> str:
    """The sentence of that number, filled in.

    Raises:
        KeyError: there is no such number.
    """
    return _TEXTS[number].format(*args)
