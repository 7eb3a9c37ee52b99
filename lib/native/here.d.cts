/** The folder of this file. */
export declare const HERE: string
/** The message for a bundle that contains this file. */
export declare const BUNDLED: string
