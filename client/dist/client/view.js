/* realtime-client 0.1.0 client/view.js */
import{combine as s,empty as t}from"../client.js";function l(r,{loading:e,ready:o,error:c}){return s(r,r.error??t,r.status??t,(n,i,f)=>({value:n,problem:i,status:f})).subscribe(({value:n,problem:i,status:f})=>{n!==void 0?o?.(n,{status:f,error:i??null}):i||e?.(),i&&c?.(i,n)})}export{l as bindView};
