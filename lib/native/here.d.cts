/** The folder of this file. */
export declare const HERE: string
