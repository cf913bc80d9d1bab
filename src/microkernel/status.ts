/**
 * Status codes: their numbers and names, a sentence for each, and the exception that carries one.
 *
 * - Numbers and names are those that users of Btrieve know, misspellings included: programs and
 *   manuals written against them must find them unchanged.
 * - A code does not compile without its sentence; the sentences are our own.
 * - An outcome (key not found, record locked) is a status that is returned. A failure (disk, damage)
 *   is a `BtrieveError` that is thrown. A bug is neither; see `assert.ts`.
 */
import type { DiskErrorDetails } from './ports.js';

/** Every status code with a name, by name. */
export const Status = Object.freeze({
  // 0-59: the call and the file
  NO_ERROR: 0,
  INVALID_FUNCTION: 1,
  IO_ERROR: 2,
  FILE_NOT_OPEN: 3,
  KEY_VALUE_NOT_FOUND: 4,
  DUPLICATE_KEY_VALUE: 5,
  INVALID_INDEX_NUMBER: 6,
  DIFFERENT_INDEX_NUMBER: 7,
  POSITION_NOT_SET: 8,
  END_OF_FILE: 9,
  MODIFIABLE_KEYVALUE_ERROR: 10,
  FILENAME_BAD: 11,
  FILE_NOT_FOUND: 12,
  EXTENDED_FILE_ERROR: 13,
  PREIMAGE_OPEN_ERROR: 14,
  PREIMAGE_IO_ERROR: 15,
  EXPANSION_ERROR: 16,
  CLOSE_ERROR: 17,
  DISKFULL: 18,
  UNRECOVERABLE_ERROR: 19,
  RECORD_MANAGER_INACTIVE: 20,
  KEYBUFFER_TOO_SHORT: 21,
  DATALENGTH_ERROR: 22,
  POSITIONBLOCK_LENGTH: 23,
  PAGE_SIZE_ERROR: 24,
  CREATE_IO_ERROR: 25,
  NUMBER_OF_INDEXES: 26,
  INVALID_KEY_POSITION: 27,
  INVALID_RECORD_LENGTH: 28,
  INVALID_KEYLENGTH: 29,
  NOT_A_BTRIEVE_FILE: 30,
  FILE_ALREADY_EXTENDED: 31,
  EXTEND_IO_ERROR: 32,
  BTR_CANNOT_UNLOAD: 33,
  INVALID_EXTENSION_NAME: 34,
  DIRECTORY_ERROR: 35,
  TRANSACTION_ERROR: 36,
  TRANSACTION_IS_ACTIVE: 37,
  TRANSACTION_FILE_IO_ERROR: 38,
  END_TRANSACTION_ERROR: 39,
  TRANSACTION_MAX_FILES: 40,
  OPERATION_NOT_ALLOWED: 41,
  INCOMPLETE_ACCEL_ACCESS: 42,
  INVALID_RECORD_ADDRESS: 43,
  NULL_KEYPATH: 44,
  INCONSISTENT_KEY_FLAGS: 45,
  ACCESS_TO_FILE_DENIED: 46,
  MAXIMUM_OPEN_FILES: 47,
  INVALID_ALT_SEQUENCE_DEF: 48,
  KEY_TYPE_ERROR: 49,
  OWNER_ALREADY_SET: 50,
  INVALID_OWNER: 51,
  ERROR_WRITING_CACHE: 52,
  INVALID_INTERFACE: 53,
  VARIABLE_PAGE_ERROR: 54,
  AUTOINCREMENT_ERROR: 55,
  INCOMPLETE_INDEX: 56,
  EXPANED_MEM_ERROR: 57,
  COMPRESS_BUFFER_TOO_SHORT: 58,
  FILE_ALREADY_EXISTS: 59,

  // 60-109: extended operations, integrity, concurrency
  REJECT_COUNT_REACHED: 60,
  SMALL_EX_GET_BUFFER_ERROR: 61,
  INVALID_GET_EXPRESSION: 62,
  INVALID_EXT_INSERT_BUFF: 63,
  OPTIMIZE_LIMIT_REACHED: 64,
  INVALID_EXTRACTOR: 65,
  RI_TOO_MANY_DATABASES: 66,
  RIDDF_CANNOT_OPEN: 67,
  RI_CASCADE_TOO_DEEP: 68,
  RI_CASCADE_ERROR: 69,
  RI_VIOLATION: 71,
  RI_REFERENCED_FILE_CANNOT_OPEN: 72,
  RI_OUT_OF_SYNC: 73,
  END_CHANGED_TO_ABORT: 74,
  RI_CONFLICT: 76,
  CANT_LOOP_IN_SERVER: 77,
  DEAD_LOCK: 78,
  PROGRAMMING_ERROR: 79,
  CONFLICT: 80,
  LOCKERROR: 81,
  LOST_POSITION: 82,
  READ_OUTSIDE_TRANSACTION: 83,
  RECORD_INUSE: 84,
  FILE_INUSE: 85,
  FILE_TABLE_FULL: 86,
  NOHANDLES_AVAILABLE: 87,
  INCOMPATIBLE_MODE_ERROR: 88,
  DEVICE_TABLE_FULL: 90,
  SERVER_ERROR: 91,
  TRANSACTION_TABLE_FULL: 92,
  INCOMPATIBLE_LOCK_TYPE: 93,
  PERMISSION_ERROR: 94,
  SESSION_NO_LONGER_VALID: 95,
  COMMUNICATIONS_ERROR: 96,
  DATA_MESSAGE_TOO_SMALL: 97,
  INTERNAL_TRANSACTION_ERROR: 98,
  REQUESTER_CANT_ACCESS_RUNTIME: 99,
  NO_CACHE_BUFFERS_AVAIL: 100,
  NO_OS_MEMORY_AVAIL: 101,
  NO_STACK_AVAIL: 102,
  CHUNK_OFFSET_TOO_LONG: 103,
  LOCALE_ERROR: 104,
  CANNOT_CREATE_WITH_VAT: 105,
  CHUNK_CANNOT_GET_NEXT: 106,
  CHUNK_INCOMPATIBLE_FILE: 107,
  TRANSACTION_TOO_COMPLEX: 109,

  // 110-178: archival logging, names and collations, recovery, log-in
  ARCH_BLOG_OPEN_ERROR: 110,
  ARCH_FILE_NOT_LOGGED: 111,
  ARCH_FILE_IN_USE: 112,
  ARCH_LOGFILE_NOT_FOUND: 113,
  ARCH_LOGFILE_INVALID: 114,
  ARCH_DUMPFILE_ACCESS_ERROR: 115,
  LOCATOR_FILE_INDICATOR: 116,
  NO_SYSTEM_LOCKS_AVAILABLE: 130,
  FILE_FULL: 132,
  MORE_THAN_5_CONCURRENT_USERS: 133,
  ISR_NOT_FOUND: 134,
  ISR_INVALID: 135,
  ACS_NOT_FOUND: 136,
  CANNOT_CONVERT_RP: 137,
  INVALID_NULL_INDICATOR: 138,
  INVALID_KEY_OPTION: 139,
  INCOMPATIBLE_CLOSE: 140,
  INVALID_USERNAME: 141,
  INVALID_DATABASE: 142,
  NO_SSQL_RIGHTS: 143,
  ALREADY_LOGGED_IN: 144,
  NO_DATABASE_SERVICES: 145,
  DUPLICATE_SYSTEM_KEY: 146,
  LOG_SEGMENT_MISSING: 147,
  ROLL_FORWARD_ERROR: 148,
  SYSTEM_KEY_INTERNAL: 149,
  DBS_INTERNAL_ERROR: 150,
  NESTING_DEPTH_ERROR: 151,
  INVALID_PARAMETER_TO_MKDE: 160,
  USER_COUNT_LIMIT_EXCEEDED: 161,
  CLIENT_TABLE_FULL: 162,
  LAST_SEGMENT_ERROR: 163,
  LOGIN_FAILED_BAD_USERNAME: 170,
  LOGIN_FAILED_BAD_PASSWORD: 171,
  LOGIN_FAILED_BAD_DATABASE: 172,
  LOGIN_ALREADY_LOGGED_IN: 173,
  LOGIN_LOGOUT_FAILED: 174,
  LOGIN_WRONG_URI_FORMAT: 175,
  LOGIN_FILE_AND_TABLE_NOT_FOUND: 176,
  LOGIN_TABLE_NOT_IN_DATABASE: 177,
  LOGIN_DIRECTORY_NOT_IN_DATABASE: 178,

  // 1001-1022: starting and configuring the engine
  LOCK_PARM_OUTOFRANGE: 1001,
  MEM_ALLOCATION_ERR: 1002,
  MEM_PARM_TOO_SMALL: 1003,
  PAGE_SIZE_PARM_OUTOFRANGE: 1004,
  INVALID_PREIMAGE_PARM: 1005,
  PREIMAGE_BUF_PARM_OUTOFRANGE: 1006,
  FILES_PARM_OUTOFRANGE: 1007,
  INVALID_INIT_PARM: 1008,
  INVALID_TRANS_PARM: 1009,
  ERROR_ACC_TRANS_CONTROL_FILE: 1010,
  COMPRESSION_BUF_PARM_OUTOFRANGE: 1011,
  INV_N_OPTION: 1012,
  TASK_LIST_FULL: 1013,
  STOP_WARNING: 1014,
  POINTER_PARM_INVALID: 1015,
  ALREADY_INITIALIZED: 1016,
  REQ_CANT_FIND_RES_DLL: 1017,
  ALREADY_INSIDE_BTR_FUNCTION: 1018,
  CALLBACK_ABORT: 1019,
  INTF_COMM_ERROR: 1020,
  FAILED_TO_INITIALIZE: 1021,
  MKDE_SHUTTING_DOWN: 1022,

  // 2000-2012: requester
  INTERNAL_ERROR: 2000,
  INSUFFICIENT_MEM_ALLOC: 2001,
  INVALID_OPTION: 2002,
  NO_LOCAL_ACCESS_ALLOWED: 2003,
  SPX_NOT_INSTALLED: 2004,
  INCORRECT_SPX_VERSION: 2005,
  NO_AVAIL_SPX_CONNECTION: 2006,
  INVALID_PTR_PARM: 2007,
  CANT_CONNECT_TO_615: 2008,
  CANT_LOAD_MKDE_ROUTER: 2009,
  UT_THUNK_NOT_LOADED: 2010,
  NO_RESOURCE_DLL: 2011,
  OS_ERROR: 2012,

  // 3000-3028: router
  MK_ROUTER_MEM_ERROR: 3000,
  MK_NO_LOCAL_ACCESS_ALLOWED: 3001,
  MK_NO_RESOURCE_DLL: 3002,
  MK_INCOMPAT_COMPONENT: 3003,
  MK_TIMEOUT_ERROR: 3004,
  MK_OS_ERROR: 3005,
  MK_INVALID_SESSION: 3006,
  MK_SERVER_NOT_FOUND: 3007,
  MK_INVALID_CONFIG: 3008,
  MK_NETAPI_NOT_LOADED: 3009,
  MK_NWAPI_NOT_LOADED: 3010,
  MK_THUNK_NOT_LOADED: 3011,
  MK_LOCAL_NOT_LOADED: 3012,
  MK_PNSL_NOT_LOADED: 3013,
  MK_CANT_FIND_ENGINE: 3014,
  MK_INIT_ERROR: 3015,
  MK_INTERNAL_ERROR: 3016,
  MK_LOCAL_MKDE_DATABUF_TOO_SMALL: 3017,
  MK_CLOSED_ERROR: 3018,
  MK_SEMAPHORE_ERROR: 3019,
  MK_LOADING_ERROR: 3020,
  MK_BAD_SRB_FORMAT: 3021,
  MK_DATABUF_LEN_TOO_LARGE: 3022,
  MK_TASK_TABLE_FULL: 3023,
  MK_INVALID_OP_ON_REMOTE: 3024,
  MK_PIDS_NOT_LOADED: 3025,
  MK_BAD_PIDS: 3026,
  MK_IDS_CONNECT_FAILURE: 3027,
  MK_IDS_LOGIN_FAILURE: 3028,

  // 3101-3128: network services layer
  NL_FAILURE: 3101,
  NL_NOT_INITIALIZED: 3102,
  NL_NAME_NOT_FOUND: 3103,
  NL_PERMISSION_ERROR: 3104,
  NL_NO_AVAILABLE_TRANSPORT: 3105,
  NL_CONNECTION_FAILURE: 3106,
  NL_OUT_OF_MEMORY: 3107,
  NL_INVALID_SESSION: 3108,
  NL_MORE_DATA: 3109,
  NL_NOT_CONNECTED: 3110,
  NL_SEND_FAILURE: 3111,
  NL_RECEIVE_FAILURE: 3112,
  NL_INVALID_SERVER_TYPE: 3113,
  NL_SRT_FULL: 3114,
  NL_TRANSPORT_FAILURE: 3115,
  NL_RCV_DATA_OVERFLOW: 3116,
  NL_CST_FULL: 3117,
  NL_INVALID_ADDRESS_FAMILY: 3118,
  NL_NO_AUTH_CONTEXT_AVAILABLE: 3119,
  NL_INVALID_AUTH_TYPE: 3120,
  NL_INVALID_AUTH_OBJECT: 3121,
  NL_AUTH_LEN_TOO_SMALL: 3122,
  NL_INVALID_SESSION_LEVEL_PARM: 3123,
  NL_TASK_TABLE_FULL: 3124,
  NL_NDS_NAME_RESOLUTION_ERROR: 3125,
  NL_FILE_NAME_RESOLUTION_ERROR: 3126,
  NL_IDS_SEND_FAILURE: 3127,
  NL_IDS_RCV_FAILURE: 3128,
} as const);
export type Status = (typeof Status)[keyof typeof Status];

const TEXTS: Readonly<Record<Status, string>> = Object.freeze({
  // 0-59: the call and the file
  [Status.NO_ERROR]: 'The operation was carried out.',
  [Status.INVALID_FUNCTION]: 'There is no such operation, or not with these biases.',
  [Status.IO_ERROR]: 'A read or write failed, or the file is damaged.',
  [Status.FILE_NOT_OPEN]: 'The position block does not belong to a file that is open.',
  [Status.KEY_VALUE_NOT_FOUND]: 'No record has this key value.',
  [Status.DUPLICATE_KEY_VALUE]: 'Another record already has this value of a unique key.',
  [Status.INVALID_INDEX_NUMBER]: 'The file has no key of this number.',
  [Status.DIFFERENT_INDEX_NUMBER]: 'The position was set on another key than the one asked for.',
  [Status.POSITION_NOT_SET]: 'The operation needs a current record and there is none.',
  [Status.END_OF_FILE]: 'There is no further record in this direction.',
  [Status.MODIFIABLE_KEYVALUE_ERROR]: 'The change touches a key that is not modifiable.',
  [Status.FILENAME_BAD]: 'The path is not a usable file name.',
  [Status.FILE_NOT_FOUND]: 'The file does not exist.',
  [Status.EXTENDED_FILE_ERROR]:
    'A further part of a file in several parts is missing or does not fit.',
  [Status.PREIMAGE_OPEN_ERROR]: 'The pre-image file could not be created or opened.',
  [Status.PREIMAGE_IO_ERROR]: 'Reading or writing the pre-image file failed.',
  [Status.EXPANSION_ERROR]: 'Expanding the file failed.',
  [Status.CLOSE_ERROR]: 'The file could not be closed in good order.',
  [Status.DISKFULL]: 'The disk has no room for the file to grow.',
  [Status.UNRECOVERABLE_ERROR]: 'An internal failure may have left the file damaged.',
  [Status.RECORD_MANAGER_INACTIVE]: 'The engine is not running or cannot be reached.',
  [Status.KEYBUFFER_TOO_SHORT]: 'The key buffer is shorter than the key.',
  [Status.DATALENGTH_ERROR]: 'The data buffer is too short for this record or request.',
  [Status.POSITIONBLOCK_LENGTH]: 'The position block has fewer than 128 bytes.',
  [Status.PAGE_SIZE_ERROR]: 'The page size is not one this file format allows.',
  [Status.CREATE_IO_ERROR]: 'The file could not be created.',
  [Status.NUMBER_OF_INDEXES]: 'The number of keys or segments is not allowed here.',
  [Status.INVALID_KEY_POSITION]: 'A key segment does not lie within the fixed part of the record.',
  [Status.INVALID_RECORD_LENGTH]: 'The record length does not suit the page size.',
  [Status.INVALID_KEYLENGTH]: 'A key has a length that its type or the page size does not allow.',
  [Status.NOT_A_BTRIEVE_FILE]: 'The file is not a data file of a known format.',
  [Status.FILE_ALREADY_EXTENDED]: 'The file has been extended before.',
  [Status.EXTEND_IO_ERROR]: 'Extending the file failed.',
  [Status.BTR_CANNOT_UNLOAD]: 'The engine cannot stop while others are using it.',
  [Status.INVALID_EXTENSION_NAME]: 'The name for the extension of the file is not usable.',
  [Status.DIRECTORY_ERROR]: 'The directory or drive does not exist.',
  [Status.TRANSACTION_ERROR]: 'The transaction could not be begun.',
  [Status.TRANSACTION_IS_ACTIVE]: 'This client is already in a transaction.',
  [Status.TRANSACTION_FILE_IO_ERROR]: 'Reading or writing the transaction log failed.',
  [Status.END_TRANSACTION_ERROR]: 'There is no transaction to end or abort.',
  [Status.TRANSACTION_MAX_FILES]: 'The transaction touches more files than it may.',
  [Status.OPERATION_NOT_ALLOWED]: 'The operation is not allowed on this file or at this moment.',
  [Status.INCOMPLETE_ACCEL_ACCESS]:
    'The file was left open in accelerated mode and may be incomplete.',
  [Status.INVALID_RECORD_ADDRESS]: 'There is no record at this address.',
  [Status.NULL_KEYPATH]: 'The record is not in this index, its key value being null.',
  [Status.INCONSISTENT_KEY_FLAGS]: 'The segments of a key contradict each other in their flags.',
  [Status.ACCESS_TO_FILE_DENIED]:
    'The file may not be used in this way: it is read-only or its owner forbids it.',
  [Status.MAXIMUM_OPEN_FILES]: 'No more files can be opened.',
  [Status.INVALID_ALT_SEQUENCE_DEF]: 'The alternate collating sequence is missing or malformed.',
  [Status.KEY_TYPE_ERROR]: 'The key type is unknown or cannot be used for this key.',
  [Status.OWNER_ALREADY_SET]: 'The file already has an owner name.',
  [Status.INVALID_OWNER]: 'The owner name is missing or not the right one.',
  [Status.ERROR_WRITING_CACHE]: 'Writing changed pages from the cache failed.',
  [Status.INVALID_INTERFACE]: 'The interface has a version that does not fit the engine.',
  [Status.VARIABLE_PAGE_ERROR]: 'The variable part of a record cannot be followed.',
  [Status.AUTOINCREMENT_ERROR]:
    'The autoincrement key has no further value, or is not defined properly.',
  [Status.INCOMPLETE_INDEX]: 'The index was not built to its end.',
  [Status.EXPANED_MEM_ERROR]: 'Expanded memory could not be used.',
  [Status.COMPRESS_BUFFER_TOO_SHORT]: 'The buffer for compression is too short for this record.',
  [Status.FILE_ALREADY_EXISTS]: 'A file of this name exists already.',

  // 60-109: extended operations, integrity, concurrency
  [Status.REJECT_COUNT_REACHED]:
    'The limit of rejected records was reached before enough were found.',
  [Status.SMALL_EX_GET_BUFFER_ERROR]: 'The work space for an extended operation is too small.',
  [Status.INVALID_GET_EXPRESSION]:
    'The description of an extended or chunk operation is malformed.',
  [Status.INVALID_EXT_INSERT_BUFF]: 'The buffer with the records to insert is malformed.',
  [Status.OPTIMIZE_LIMIT_REACHED]: 'The filter rules out every record that is still to come.',
  [Status.INVALID_EXTRACTOR]: 'A field to be extracted lies outside the record.',
  [Status.RI_TOO_MANY_DATABASES]: 'Too many databases with integrity rules are open.',
  [Status.RIDDF_CANNOT_OPEN]: 'The data dictionary could not be opened.',
  [Status.RI_CASCADE_TOO_DEEP]: 'A cascading delete went through too many levels.',
  [Status.RI_CASCADE_ERROR]: 'A cascading delete failed.',
  [Status.RI_VIOLATION]: 'The change would break a rule of referential integrity.',
  [Status.RI_REFERENCED_FILE_CANNOT_OPEN]: 'A file that this one refers to could not be opened.',
  [Status.RI_OUT_OF_SYNC]: 'The integrity rules do not match the file.',
  [Status.END_CHANGED_TO_ABORT]: 'The transaction could not be committed and was rolled back.',
  [Status.RI_CONFLICT]: 'The request conflicts with an integrity rule or a name in use.',
  [Status.CANT_LOOP_IN_SERVER]: 'The lock is held; the wait for it is left to the caller.',
  [Status.DEAD_LOCK]: 'To wait for this lock would mean waiting forever: a deadlock.',
  [Status.PROGRAMMING_ERROR]: 'The engine found a mistake of its own.',
  [Status.CONFLICT]: 'Another client changed the record after it was read.',
  [Status.LOCKERROR]: 'The record is not locked by this client, or no more locks are to be had.',
  [Status.LOST_POSITION]: 'The position was lost through a change by another client.',
  [Status.READ_OUTSIDE_TRANSACTION]: 'The record was read before the transaction began.',
  [Status.RECORD_INUSE]: 'The record or its page is locked by another client.',
  [Status.FILE_INUSE]: 'The file is locked or in use elsewhere.',
  [Status.FILE_TABLE_FULL]: 'No more files can be opened at the same time.',
  [Status.NOHANDLES_AVAILABLE]: 'No more file handles are to be had.',
  [Status.INCOMPATIBLE_MODE_ERROR]:
    'The open mode or state clashes with the one the file is already in.',
  [Status.DEVICE_TABLE_FULL]: 'No more redirected devices can be entered.',
  [Status.SERVER_ERROR]: 'The exchange with the server failed.',
  [Status.TRANSACTION_TABLE_FULL]: 'No more transactions can be active at the same time.',
  [Status.INCOMPATIBLE_LOCK_TYPE]: 'Single and multiple record locks cannot be mixed on one file.',
  [Status.PERMISSION_ERROR]: 'The rights to this file or directory are lacking.',
  [Status.SESSION_NO_LONGER_VALID]: 'The session has ended.',
  [Status.COMMUNICATIONS_ERROR]: 'The network connection failed.',
  [Status.DATA_MESSAGE_TOO_SMALL]: 'The request does not fit into one message.',
  [Status.INTERNAL_TRANSACTION_ERROR]: 'The engine failed in a transaction of its own.',
  [Status.REQUESTER_CANT_ACCESS_RUNTIME]: 'The requester does not get through to the runtime.',
  [Status.NO_CACHE_BUFFERS_AVAIL]: 'No page of the cache could be made free.',
  [Status.NO_OS_MEMORY_AVAIL]: 'The system has no more memory to give.',
  [Status.NO_STACK_AVAIL]: 'The stack is used up.',
  [Status.CHUNK_OFFSET_TOO_LONG]: 'The chunk begins after the end of the record.',
  [Status.LOCALE_ERROR]: 'The locale or its collation is not known on this system.',
  [Status.CANNOT_CREATE_WITH_VAT]:
    'Variable-tail allocation tables do not go with these file flags.',
  [Status.CHUNK_CANNOT_GET_NEXT]: 'There is no earlier chunk for the next one to follow.',
  [Status.CHUNK_INCOMPATIBLE_FILE]: 'The format of this file has no chunk operations.',
  [Status.TRANSACTION_TOO_COMPLEX]: 'The transaction does more than one transaction may.',

  // 110-178: archival logging, names and collations, recovery, log-in
  [Status.ARCH_BLOG_OPEN_ERROR]: 'The configuration of archival logging could not be read.',
  [Status.ARCH_FILE_NOT_LOGGED]: 'Archival logging does not cover this file.',
  [Status.ARCH_FILE_IN_USE]: 'Roll forward needs a file that is in use.',
  [Status.ARCH_LOGFILE_NOT_FOUND]: 'The archival log does not exist.',
  [Status.ARCH_LOGFILE_INVALID]: 'The archival log is damaged or not one of this file.',
  [Status.ARCH_DUMPFILE_ACCESS_ERROR]:
    'The file for the listing of the archival log could not be written.',
  [Status.LOCATOR_FILE_INDICATOR]: 'The directory belongs to another engine.',
  [Status.NO_SYSTEM_LOCKS_AVAILABLE]: 'The system has no more locks to give.',
  [Status.FILE_FULL]: 'The file has reached the largest size of its format.',
  [Status.MORE_THAN_5_CONCURRENT_USERS]: 'The edition of the engine does not serve so many users.',
  [Status.ISR_NOT_FOUND]: 'The international sort rule is not to be found.',
  [Status.ISR_INVALID]: 'The table of the international sort rule is damaged.',
  [Status.ACS_NOT_FOUND]: 'The file has no such alternate collating sequence.',
  [Status.CANNOT_CONVERT_RP]: 'The file cannot be rebuilt because of a reserved value in it.',
  [Status.INVALID_NULL_INDICATOR]: 'A null indicator segment has the wrong place or length.',
  [Status.INVALID_KEY_OPTION]: 'The key number selects no variant of this operation.',
  [Status.INCOMPATIBLE_CLOSE]: 'The file cannot be closed in its present state.',
  [Status.INVALID_USERNAME]: 'The user name is not valid.',
  [Status.INVALID_DATABASE]: 'The database name is not valid.',
  [Status.NO_SSQL_RIGHTS]: 'The relational layer grants no rights to this file.',
  [Status.ALREADY_LOGGED_IN]: 'This client has logged in before.',
  [Status.NO_DATABASE_SERVICES]: 'The database services are not available.',
  [Status.DUPLICATE_SYSTEM_KEY]: 'The value of the system key occurs already.',
  [Status.LOG_SEGMENT_MISSING]: 'A segment of the transaction log is missing.',
  [Status.ROLL_FORWARD_ERROR]: 'Bringing the file up to date from a log failed.',
  [Status.SYSTEM_KEY_INTERNAL]: 'The engine failed while it handled the system key.',
  [Status.DBS_INTERNAL_ERROR]: 'The database services failed internally.',
  [Status.NESTING_DEPTH_ERROR]: 'Calls or transactions are nested too deeply.',
  [Status.INVALID_PARAMETER_TO_MKDE]: 'An argument is of the wrong type or out of range.',
  [Status.USER_COUNT_LIMIT_EXCEEDED]: 'The licence does not cover another user.',
  [Status.CLIENT_TABLE_FULL]: 'No more clients can be connected.',
  [Status.LAST_SEGMENT_ERROR]: 'The last part of a file in several parts is missing or damaged.',
  [Status.LOGIN_FAILED_BAD_USERNAME]: 'The log-in failed: the user is unknown or none was named.',
  [Status.LOGIN_FAILED_BAD_PASSWORD]: 'The log-in failed: the password is not the right one.',
  [Status.LOGIN_FAILED_BAD_DATABASE]: 'The log-in failed: there is no such database.',
  [Status.LOGIN_ALREADY_LOGGED_IN]: 'The client is logged in to this or a conflicting database.',
  [Status.LOGIN_LOGOUT_FAILED]: 'The log-out failed.',
  [Status.LOGIN_WRONG_URI_FORMAT]: 'The database URI is malformed.',
  [Status.LOGIN_FILE_AND_TABLE_NOT_FOUND]: 'The file or table in the database URI does not exist.',
  [Status.LOGIN_TABLE_NOT_IN_DATABASE]: 'The database has no such table.',
  [Status.LOGIN_DIRECTORY_NOT_IN_DATABASE]: 'The directory is not one of the database.',

  // 1001-1022: starting and configuring the engine
  [Status.LOCK_PARM_OUTOFRANGE]: 'The setting for the number of locks is out of range.',
  [Status.MEM_ALLOCATION_ERR]: 'The memory the settings ask for could not be had.',
  [Status.MEM_PARM_TOO_SMALL]: 'The memory setting is too small.',
  [Status.PAGE_SIZE_PARM_OUTOFRANGE]: 'The page size setting is out of range.',
  [Status.INVALID_PREIMAGE_PARM]: 'The setting for the pre-image drive is not valid.',
  [Status.PREIMAGE_BUF_PARM_OUTOFRANGE]: 'The setting for the pre-image buffer is out of range.',
  [Status.FILES_PARM_OUTOFRANGE]: 'The setting for the number of files is out of range.',
  [Status.INVALID_INIT_PARM]: 'An initial setting is not valid.',
  [Status.INVALID_TRANS_PARM]: 'The setting for the transaction file is not valid.',
  [Status.ERROR_ACC_TRANS_CONTROL_FILE]: 'The transaction control file is not accessible.',
  [Status.COMPRESSION_BUF_PARM_OUTOFRANGE]:
    'The setting for the compression buffer is out of range.',
  [Status.INV_N_OPTION]: 'The value of the N option is not valid.',
  [Status.TASK_LIST_FULL]: 'No more tasks can be entered.',
  [Status.STOP_WARNING]: 'Stopping would close files that others have open.',
  [Status.POINTER_PARM_INVALID]: 'A buffer was not given.',
  [Status.ALREADY_INITIALIZED]: 'The engine was initialised before.',
  [Status.REQ_CANT_FIND_RES_DLL]: 'The requester lacks its resource library.',
  [Status.ALREADY_INSIDE_BTR_FUNCTION]: 'The engine was called from within one of its own calls.',
  [Status.CALLBACK_ABORT]: 'A callback stopped the operation.',
  [Status.INTF_COMM_ERROR]: 'The interface could not communicate with the engine.',
  [Status.FAILED_TO_INITIALIZE]: 'The engine could not be started.',
  [Status.MKDE_SHUTTING_DOWN]: 'The engine is shutting down.',

  // 2000-2012: requester
  [Status.INTERNAL_ERROR]: 'The requester failed internally.',
  [Status.INSUFFICIENT_MEM_ALLOC]: 'The requester was given too little memory.',
  [Status.INVALID_OPTION]: 'An option of the requester is not valid.',
  [Status.NO_LOCAL_ACCESS_ALLOWED]: 'The requester may not open local files.',
  [Status.SPX_NOT_INSTALLED]: 'The SPX protocol is not installed.',
  [Status.INCORRECT_SPX_VERSION]: 'The SPX protocol has the wrong version.',
  [Status.NO_AVAIL_SPX_CONNECTION]: 'No SPX connection is free.',
  [Status.INVALID_PTR_PARM]: 'An address given to the requester is not valid.',
  [Status.CANT_CONNECT_TO_615]: 'The requester cannot connect to a server of release 6.15.',
  [Status.CANT_LOAD_MKDE_ROUTER]: 'The router could not be loaded.',
  [Status.UT_THUNK_NOT_LOADED]: 'The layer between 16 and 32 bits is not loaded.',
  [Status.NO_RESOURCE_DLL]: 'The resource library is missing.',
  [Status.OS_ERROR]: 'The operating system reported an error to the requester.',

  // 3000-3028: router
  [Status.MK_ROUTER_MEM_ERROR]: 'The router has no memory left.',
  [Status.MK_NO_LOCAL_ACCESS_ALLOWED]: 'The router may not open local files.',
  [Status.MK_NO_RESOURCE_DLL]: 'The router lacks its resource library.',
  [Status.MK_INCOMPAT_COMPONENT]: 'A component has a version that does not fit the router.',
  [Status.MK_TIMEOUT_ERROR]: 'The router got no answer in time.',
  [Status.MK_OS_ERROR]: 'The operating system reported an error to the router.',
  [Status.MK_INVALID_SESSION]: 'The router does not know this session.',
  [Status.MK_SERVER_NOT_FOUND]: 'The router did not find the server.',
  [Status.MK_INVALID_CONFIG]: 'The configuration of the router is not valid.',
  [Status.MK_NETAPI_NOT_LOADED]: 'The network interface is not loaded.',
  [Status.MK_NWAPI_NOT_LOADED]: 'The NetWare interface is not loaded.',
  [Status.MK_THUNK_NOT_LOADED]: 'The router lacks the layer between 16 and 32 bits.',
  [Status.MK_LOCAL_NOT_LOADED]: 'The local engine is not loaded.',
  [Status.MK_PNSL_NOT_LOADED]: 'The network services layer is not loaded.',
  [Status.MK_CANT_FIND_ENGINE]: 'The router did not find an engine.',
  [Status.MK_INIT_ERROR]: 'The router could not be started.',
  [Status.MK_INTERNAL_ERROR]: 'The router failed internally.',
  [Status.MK_LOCAL_MKDE_DATABUF_TOO_SMALL]: 'The data buffer is too small for the local engine.',
  [Status.MK_CLOSED_ERROR]: 'The router has been closed.',
  [Status.MK_SEMAPHORE_ERROR]: 'A semaphore of the router failed.',
  [Status.MK_LOADING_ERROR]: 'A component of the router could not be loaded.',
  [Status.MK_BAD_SRB_FORMAT]: 'A request block is malformed.',
  [Status.MK_DATABUF_LEN_TOO_LARGE]: 'The data buffer is longer than the router can pass on.',
  [Status.MK_TASK_TABLE_FULL]: 'The router cannot serve another task.',
  [Status.MK_INVALID_OP_ON_REMOTE]: 'The operation is not possible on a remote file.',
  [Status.MK_PIDS_NOT_LOADED]: 'The internet data server component is not loaded.',
  [Status.MK_BAD_PIDS]: 'The internet data server component is not usable.',
  [Status.MK_IDS_CONNECT_FAILURE]: 'The internet data server could not be reached.',
  [Status.MK_IDS_LOGIN_FAILURE]: 'The internet data server refused the log-in.',

  // 3101-3128: network services layer
  [Status.NL_FAILURE]: 'The network layer failed.',
  [Status.NL_NOT_INITIALIZED]: 'The network layer has not been started.',
  [Status.NL_NAME_NOT_FOUND]: 'The network layer did not find this name.',
  [Status.NL_PERMISSION_ERROR]: 'The network layer refused for lack of rights.',
  [Status.NL_NO_AVAILABLE_TRANSPORT]: 'There is no network protocol to use.',
  [Status.NL_CONNECTION_FAILURE]: 'The network connection could not be made.',
  [Status.NL_OUT_OF_MEMORY]: 'The network layer has no memory left.',
  [Status.NL_INVALID_SESSION]: 'The network layer does not know this session.',
  [Status.NL_MORE_DATA]: 'More network data is waiting to be read.',
  [Status.NL_NOT_CONNECTED]: 'There is no network connection.',
  [Status.NL_SEND_FAILURE]: 'Sending over the network failed.',
  [Status.NL_RECEIVE_FAILURE]: 'Receiving over the network failed.',
  [Status.NL_INVALID_SERVER_TYPE]: 'The server is of a type the network layer cannot use.',
  [Status.NL_SRT_FULL]: 'The routing table of the network layer is full.',
  [Status.NL_TRANSPORT_FAILURE]: 'The network protocol failed.',
  [Status.NL_RCV_DATA_OVERFLOW]: 'More network data arrived than there was room for.',
  [Status.NL_CST_FULL]: 'The connection table of the network layer is full.',
  [Status.NL_INVALID_ADDRESS_FAMILY]: 'The network address is of an unknown family.',
  [Status.NL_NO_AUTH_CONTEXT_AVAILABLE]: 'The network layer has no credentials to show.',
  [Status.NL_INVALID_AUTH_TYPE]: 'The kind of authentication is unknown.',
  [Status.NL_INVALID_AUTH_OBJECT]: 'The object of authentication is not valid.',
  [Status.NL_AUTH_LEN_TOO_SMALL]: 'The buffer for authentication is too small.',
  [Status.NL_INVALID_SESSION_LEVEL_PARM]: 'A parameter of the network session is not valid.',
  [Status.NL_TASK_TABLE_FULL]: 'The network layer cannot serve another task.',
  [Status.NL_NDS_NAME_RESOLUTION_ERROR]:
    'A name could not be resolved through the directory service.',
  [Status.NL_FILE_NAME_RESOLUTION_ERROR]: 'A file name could not be resolved to a server.',
  [Status.NL_IDS_SEND_FAILURE]: 'Sending to the internet data server failed.',
  [Status.NL_IDS_RCV_FAILURE]: 'Receiving from the internet data server failed.',
});

/** What a status means, as one sentence. Any number is answered, since statuses also come from outside. */
export function statusText(status: number): string {
  const texts: Readonly<Record<number, string | undefined>> = TEXTS;
  return texts[status] ?? `There is no meaning assigned to status ${status}.`;
}

/** What else is known about a failure, beyond its status. */
export interface BtrieveErrorDetails {
  /** A stable word for programs, finer than the status, for instance `checksum`. */
  readonly reason?: string;
  readonly file?: string;
  readonly page?: number;
  /** In bytes, from the beginning of the file. */
  readonly offset?: number;
  readonly expected?: string;
  readonly found?: string;
  readonly operation?: string;
  /** Key number. */
  readonly key?: number;
  readonly cause?: unknown;
}

/**
 * A failure with its status.
 *
 * Its message ends with status, meaning and details, so that one line of a log is enough to act on:
 * the message given to the constructor need not repeat them.
 *
 * @example
 * ```ts
 * try {
 *   client.openFile('none.btr', Order);
 * } catch (error) {
 *   if (!(error instanceof BtrieveError)) throw error;
 *   console.log(error.status === Status.FILE_NOT_FOUND, error.status); // true 12
 * }
 * ```
 */
export class BtrieveError extends Error implements BtrieveErrorDetails {
  readonly status: Status;
  declare readonly reason?: string;
  declare readonly file?: string;
  declare readonly page?: number;
  declare readonly offset?: number;
  declare readonly expected?: string;
  declare readonly found?: string;
  declare readonly operation?: string;
  declare readonly key?: number;

  constructor(status: Status, message: string, details: BtrieveErrorDetails = {}) {
    // Without a cause the property must not exist: an undefined one is printed with every stack.
    super(completeMessage(status, message, details), 'cause' in details ? details : undefined);
    this.name = 'BtrieveError';
    this.status = status;
    // The fields are declared and not initialised for the same reason.
    Object.assign(this, details);
  }
}

const SHOWN = ['file', 'page', 'offset', 'operation', 'key', 'expected', 'found'] as const;

/** For instance "checksum does not match (status 2, a read or … damaged; file a.btr, page 7)". */
function completeMessage(status: Status, message: string, details: BtrieveErrorDetails): string {
  const sentence = statusText(status);
  // Within the brackets it is no sentence any more; abbreviations keep their capitals.
  const meaning = sentence.replace(/\.$/, '').replace(/^[A-Z](?![A-Z/])/, (c) => c.toLowerCase());
  const known = SHOWN.flatMap((name) =>
    details[name] === undefined ? [] : [`${name} ${details[name]}`],
  );
  const numbers = known.length === 0 ? '' : `; ${known.join(', ')}`;
  return `${message} (status ${status}, ${meaning}${numbers})`;
}

const STATUS_OF_ERRNO: Readonly<Partial<Record<string, Status>>> = Object.freeze({
  ENOENT: Status.FILE_NOT_FOUND,
  // Something on the way is a file and no directory, so nothing of this name can exist: to the
  // caller it is the same as ENOENT. FILENAME_BAD would blame the spelling, and DIRECTORY_ERROR
  // belongs to Set Directory and Get Directory.
  ENOTDIR: Status.FILE_NOT_FOUND,
  EACCES: Status.PERMISSION_ERROR,
  EPERM: Status.PERMISSION_ERROR,
  EROFS: Status.ACCESS_TO_FILE_DENIED,
  ENOSPC: Status.DISKFULL,
  EDQUOT: Status.DISKFULL,
  EFBIG: Status.DISKFULL,
  EMFILE: Status.FILE_TABLE_FULL,
  ENFILE: Status.FILE_TABLE_FULL,
  EISDIR: Status.FILENAME_BAD,
  EINVAL: Status.FILENAME_BAD,
  ENAMETOOLONG: Status.FILENAME_BAD,
  ELOOP: Status.FILENAME_BAD,
  EEXIST: Status.FILE_ALREADY_EXISTS,
});

const ON_OPEN_FILES: ReadonlySet<string> = new Set(['read', 'write', 'truncate', 'sync', 'close']);

/** The status for a failed call to the disk; what is not known by name is an I/O error. */
export function statusOfDiskError(error: DiskErrorDetails): Status {
  // Without locks the engine does not work at all: the file is not at fault.
  if (error.code === 'ENOTSUP' && error.operation === 'lock') return Status.RECORD_MANAGER_INACTIVE;
  // On an open file it is not the name that the system found invalid.
  if (error.code === 'EINVAL' && ON_OPEN_FILES.has(error.operation)) return Status.IO_ERROR;
  return STATUS_OF_ERRNO[error.code] ?? Status.IO_ERROR;
}
