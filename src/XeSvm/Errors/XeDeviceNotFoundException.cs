namespace XeSvm;

/// <summary>No usable device: the message lists what was searched and what to do.</summary>
public sealed class XeDeviceNotFoundException : XeException
{
    /// <summary>Makes the exception.</summary>
    public XeDeviceNotFoundException()
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">What was searched and what to do.</param>
    public XeDeviceNotFoundException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">What was searched and what to do.</param>
    /// <param name="innerException">The cause.</param>
    public XeDeviceNotFoundException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Makes the exception of a search that found nothing usable.</summary>
    /// <param name="searched">What was searched and what was found there.</param>
    /// <param name="nextStep">What the reader can do.</param>
    public XeDeviceNotFoundException(string searched, string nextStep)
        : base(
            $"No device of the kernel can be used: {searched}. {nextStep}",
            Interop.Errno.ENODEV,
            "search for a device",
            searched,
            nextStep)
    {
    }
}
