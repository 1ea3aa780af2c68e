using System.Globalization;

namespace XeSvm.Interop;

public static partial class Errno
{
    // Indexed by number; 0, 41 and 58 are not in use (asm-generic/errno.h).
    private static readonly (string Name, string Text)[] _entries =
    [
        default,
        (nameof(EPERM), "Operation not permitted"),
        (nameof(ENOENT), "No such file or directory"),
        (nameof(ESRCH), "No such process"),
        (nameof(EINTR), "Interrupted system call"),
        (nameof(EIO), "Input/output error"),
        (nameof(ENXIO), "No such device or address"),
        (nameof(E2BIG), "Argument list too long"),
        (nameof(ENOEXEC), "Exec format error"),
        (nameof(EBADF), "Bad file descriptor"),
        (nameof(ECHILD), "No child processes"),
        (nameof(EAGAIN), "Resource temporarily unavailable"),
        (nameof(ENOMEM), "Cannot allocate memory"),
        (nameof(EACCES), "Permission denied"),
        (nameof(EFAULT), "Bad address"),
        (nameof(ENOTBLK), "Block device required"),
        (nameof(EBUSY), "Device or resource busy"),
        (nameof(EEXIST), "File exists"),
        (nameof(EXDEV), "Invalid cross-device link"),
        (nameof(ENODEV), "No such device"),
        (nameof(ENOTDIR), "Not a directory"),
        (nameof(EISDIR), "Is a directory"),
        (nameof(EINVAL), "Invalid argument"),
        (nameof(ENFILE), "Too many open files in system"),
        (nameof(EMFILE), "Too many open files"),
        (nameof(ENOTTY), "Inappropriate ioctl for device"),
        (nameof(ETXTBSY), "Text file busy"),
        (nameof(EFBIG), "File too large"),
        (nameof(ENOSPC), "No space left on device"),
        (nameof(ESPIPE), "Illegal seek"),
        (nameof(EROFS), "Read-only file system"),
        (nameof(EMLINK), "Too many links"),
        (nameof(EPIPE), "Broken pipe"),
        (nameof(EDOM), "Numerical argument out of domain"),
        (nameof(ERANGE), "Numerical result out of range"),
        (nameof(EDEADLK), "Resource deadlock avoided"),
        (nameof(ENAMETOOLONG), "File name too long"),
        (nameof(ENOLCK), "No locks available"),
        (nameof(ENOSYS), "Function not implemented"),
        (nameof(ENOTEMPTY), "Directory not empty"),
        (nameof(ELOOP), "Too many levels of symbolic links"),
        default,
        (nameof(ENOMSG), "No message of desired type"),
        (nameof(EIDRM), "Identifier removed"),
        (nameof(ECHRNG), "Channel number out of range"),
        (nameof(EL2NSYNC), "Level 2 not synchronized"),
        (nameof(EL3HLT), "Level 3 halted"),
        (nameof(EL3RST), "Level 3 reset"),
        (nameof(ELNRNG), "Link number out of range"),
        (nameof(EUNATCH), "Protocol driver not attached"),
        (nameof(ENOCSI), "No CSI structure available"),
        (nameof(EL2HLT), "Level 2 halted"),
        (nameof(EBADE), "Invalid exchange"),
        (nameof(EBADR), "Invalid request descriptor"),
        (nameof(EXFULL), "Exchange full"),
        (nameof(ENOANO), "No anode"),
        (nameof(EBADRQC), "Invalid request code"),
        (nameof(EBADSLT), "Invalid slot"),
        default,
        (nameof(EBFONT), "Bad font file format"),
        (nameof(ENOSTR), "Device not a stream"),
        (nameof(ENODATA), "No data available"),
        (nameof(ETIME), "Timer expired"),
        (nameof(ENOSR), "Out of streams resources"),
        (nameof(ENONET), "Machine is not on the network"),
        (nameof(ENOPKG), "Package not installed"),
        (nameof(EREMOTE), "Object is remote"),
        (nameof(ENOLINK), "Link has been severed"),
        (nameof(EADV), "Advertise error"),
        (nameof(ESRMNT), "Srmount error"),
        (nameof(ECOMM), "Communication error on send"),
        (nameof(EPROTO), "Protocol error"),
        (nameof(EMULTIHOP), "Multihop attempted"),
        (nameof(EDOTDOT), "RFS specific error"),
        (nameof(EBADMSG), "Bad message"),
        (nameof(EOVERFLOW), "Value too large for defined data type"),
        (nameof(ENOTUNIQ), "Name not unique on network"),
        (nameof(EBADFD), "File descriptor in bad state"),
        (nameof(EREMCHG), "Remote address changed"),
        (nameof(ELIBACC), "Can not access a needed shared library"),
        (nameof(ELIBBAD), "Accessing a corrupted shared library"),
        (nameof(ELIBSCN), ".lib section in a.out corrupted"),
        (nameof(ELIBMAX), "Attempting to link in too many shared libraries"),
        (nameof(ELIBEXEC), "Cannot exec a shared library directly"),
        (nameof(EILSEQ), "Invalid or incomplete multibyte or wide character"),
        (nameof(ERESTART), "Interrupted system call should be restarted"),
        (nameof(ESTRPIPE), "Streams pipe error"),
        (nameof(EUSERS), "Too many users"),
        (nameof(ENOTSOCK), "Socket operation on non-socket"),
        (nameof(EDESTADDRREQ), "Destination address required"),
        (nameof(EMSGSIZE), "Message too long"),
        (nameof(EPROTOTYPE), "Protocol wrong type for socket"),
        (nameof(ENOPROTOOPT), "Protocol not available"),
        (nameof(EPROTONOSUPPORT), "Protocol not supported"),
        (nameof(ESOCKTNOSUPPORT), "Socket type not supported"),
        (nameof(EOPNOTSUPP), "Operation not supported"),
        (nameof(EPFNOSUPPORT), "Protocol family not supported"),
        (nameof(EAFNOSUPPORT), "Address family not supported by protocol"),
        (nameof(EADDRINUSE), "Address already in use"),
        (nameof(EADDRNOTAVAIL), "Cannot assign requested address"),
        (nameof(ENETDOWN), "Network is down"),
        (nameof(ENETUNREACH), "Network is unreachable"),
        (nameof(ENETRESET), "Network dropped connection on reset"),
        (nameof(ECONNABORTED), "Software caused connection abort"),
        (nameof(ECONNRESET), "Connection reset by peer"),
        (nameof(ENOBUFS), "No buffer space available"),
        (nameof(EISCONN), "Transport endpoint is already connected"),
        (nameof(ENOTCONN), "Transport endpoint is not connected"),
        (nameof(ESHUTDOWN), "Cannot send after transport endpoint shutdown"),
        (nameof(ETOOMANYREFS), "Too many references: cannot splice"),
        (nameof(ETIMEDOUT), "Connection timed out"),
        (nameof(ECONNREFUSED), "Connection refused"),
        (nameof(EHOSTDOWN), "Host is down"),
        (nameof(EHOSTUNREACH), "No route to host"),
        (nameof(EALREADY), "Operation already in progress"),
        (nameof(EINPROGRESS), "Operation now in progress"),
        (nameof(ESTALE), "Stale file handle"),
        (nameof(EUCLEAN), "Structure needs cleaning"),
        (nameof(ENOTNAM), "Not a XENIX named type file"),
        (nameof(ENAVAIL), "No XENIX semaphores available"),
        (nameof(EISNAM), "Is a named type file"),
        (nameof(EREMOTEIO), "Remote I/O error"),
        (nameof(EDQUOT), "Disk quota exceeded"),
        (nameof(ENOMEDIUM), "No medium found"),
        (nameof(EMEDIUMTYPE), "Wrong medium type"),
        (nameof(ECANCELED), "Operation canceled"),
        (nameof(ENOKEY), "Required key not available"),
        (nameof(EKEYEXPIRED), "Key has expired"),
        (nameof(EKEYREVOKED), "Key has been revoked"),
        (nameof(EKEYREJECTED), "Key was rejected by service"),
        (nameof(EOWNERDEAD), "Owner died"),
        (nameof(ENOTRECOVERABLE), "State not recoverable"),
        (nameof(ERFKILL), "Operation not possible due to RF-kill"),
        (nameof(EHWPOISON), "Memory page has hardware error"),
    ];

    /// <summary>The name and meaning of an errno, such as <c>ENOENT (2): No such file or directory</c>.</summary>
    /// <param name="errno">An errno, or a result that carries it negated. Numbers that Linux does not use are kept: <c>errno 999</c>.</param>
    public static string Describe(int errno)
    {
        uint number = Magnitude(errno);
        (string? name, string? text) = Find(number);
        return name is null
            ? string.Create(CultureInfo.InvariantCulture, $"errno {number}")
            : string.Create(CultureInfo.InvariantCulture, $"{name} ({number}): {text}");
    }

    /// <summary>The name of an errno, such as <c>ENOENT</c>.</summary>
    /// <param name="errno">An errno, or a result that carries it negated. Numbers that Linux does not use come back as digits.</param>
    public static string Name(int errno)
    {
        uint number = Magnitude(errno);
        return Find(number).Name ?? number.ToString(CultureInfo.InvariantCulture);
    }

    private static uint Magnitude(int errno) => errno < 0 ? unchecked((uint)-errno) : (uint)errno;

    private static (string? Name, string? Text) Find(uint number) =>
        number < (uint)_entries.Length ? _entries[number] : default;
}
