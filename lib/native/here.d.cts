/** The folder of this file. */
export declare const HERE: string
/** What to do about a bundle that this file is in. */
export declare const BUNDLED: string
